// Cases as JSON lines on standard input, one decision a line on standard output. Needs nothing of scangap.
//
// case: {id, policy, action, resource, resourceAccount, principal, context}
// answer: {id, result: "Allowed" | "ExplicitlyDenied" | "ImplicitlyDenied" | "Error"}
//
// The package's public functions drop context keys that they do not know for an action, or fail on a bare resource policy.
// The engine under them takes every key; it is reached by its file, which is why the version is pinned exactly.
import { createInterface } from 'node:readline'
import { loadPolicy } from '@cloud-copilot/iam-policy'

const base = import.meta.resolve('@cloud-copilot/iam-simulate')
const load = (file) => import(new URL(file, base))
const { authorize } = await load('core_engine/CoreSimulatorEngine.js')
const { AwsRequestImpl } = await load('request/request.js')
const { RequestContextImpl } = await load('requestContext.js')
const { DiscoveryContextKeyConstraints } = await load('context_keys/discoveryContextKeyConstraints.js')

const everything = loadPolicy(
  { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'ecr:*', Resource: '*' }] },
  { name: 'identity' }
)
const parameters = {
  simulationMode: 'Strict',
  discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
}

function decide({ policy, action, resource, resourceAccount, principal, context }) {
  const request = new AwsRequestImpl(
    principal,
    { resource, accountId: resourceAccount },
    action,
    new RequestContextImpl(context),
    resource === '*'
  )
  const analysis = authorize({
    request,
    identityPolicies: [everything],
    resourcePolicy: loadPolicy(policy, { name: 'resource' }),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    sessionPolicy: undefined,
    permissionBoundaries: undefined,
    vpcEndpointPolicies: undefined,
    simulationParameters: parameters,
    serviceSettings: { s3: {} }
  })
  return { result: analysis.result }
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  let answer
  try {
    answer = decide(asked)
  } catch (error) {
    answer = { result: 'Error', error: String(error?.message ?? error) }
  }
  process.stdout.write(JSON.stringify({ id: asked.id, ...answer }) + '\n')
}

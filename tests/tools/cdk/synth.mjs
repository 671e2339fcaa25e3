// Synthesizes an application of the AWS CDK into the folder that is named: `node synth.mjs OUT`.
import { App, Stack } from "aws-cdk-lib";
import * as ecr from "aws-cdk-lib/aws-ecr";
import * as iam from "aws-cdk-lib/aws-iam";

const app = new App({ outdir: process.argv[2] });
const officeOnly = (exempt) =>
  new iam.PolicyStatement({
    sid: "OfficeOnly",
    effect: iam.Effect.DENY,
    principals: [new iam.AnyPrincipal()],
    actions: ["ecr:*"],
    conditions: {
      NotIpAddress: { "aws:SourceIp": "203.0.113.10/32" },
      ...(exempt ? { ArnNotEquals: { "aws:PrincipalArn": exempt } } : {}),
    },
  });
const role = (stack) =>
  `arn:${stack.partition}:iam::${stack.account}:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2`;

/** Deployed to whichever account the credentials are of. */
const anywhere = new Stack(app, "Anywhere");
new ecr.Repository(anywhere, "Blocked").addToResourcePolicy(officeOnly());
new ecr.Repository(anywhere, "Exempt").addToResourcePolicy(officeOnly(role(anywhere)));
const own = new iam.Role(anywhere, "Own", { assumedBy: new iam.ServicePrincipal("inspector2.amazonaws.com") });
new ecr.Repository(anywhere, "ExemptsItsOwnRole").addToResourcePolicy(officeOnly(own.roleArn));
new ecr.Repository(anywhere, "Pulls").grantPull(own);

/** Deployed to one account. */
const here = new Stack(app, "Here", { env: { account: "111122223333", region: "eu-west-1" } });
new ecr.Repository(here, "Exempt").addToResourcePolicy(officeOnly(role(here)));
new ecr.CfnRepositoryCreationTemplate(here, "Template", {
  appliedFor: ["PULL_THROUGH_CACHE"],
  prefix: "cache",
  repositoryPolicy: JSON.stringify({ Version: "2012-10-17", Statement: [officeOnly().toStatementJson()] }),
});
new ecr.CfnRegistryScanningConfiguration(here, "Basic", { scanType: "BASIC", rules: [] });
app.synth();

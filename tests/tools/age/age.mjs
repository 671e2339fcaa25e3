// An independent age: makes keys, encrypts and decrypts files. One command a line, as JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from "age-encryption";

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { make, encrypt, decrypt, to, with: identity } = JSON.parse(line);
  if (make) {
    const made = await generateIdentity();
    writeFileSync(make, `# made for a test\n${made}\n`);
    console.log(await identityToRecipient(made));
  }
  if (encrypt) {
    const encrypter = new Encrypter();
    for (const recipient of to.recipients) encrypter.addRecipient(recipient);
    writeFileSync(to.file, await encrypter.encrypt(readFileSync(encrypt)));
  }
  if (decrypt) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(readFileSync(identity, "utf8").split("\n").find((one) => one.startsWith("AGE-")));
    writeFileSync(to, await decrypter.decrypt(readFileSync(decrypt)));
  }
}

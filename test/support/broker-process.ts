import { Registry } from 'prom-client'
import { startBroker } from '../../broker/index.ts'
import { principalOf } from '../../contract/index.ts'
import { RecordingHandlers, silent } from './broker.ts'

/*
 * A broker in a process of its own, to be killed: `node broker-process.js <data folder>`; sends its port to the parent.
 * It knows the tests' tokens only by their claims: the signing key lives in the parent.
 */
const [dataDirectory] = process.argv.slice(2)
const broker = await startBroker({
  dataDirectory: dataDirectory!,
  verifyToken: async token => principalOf(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())),
  handlers: new RecordingHandlers().handlers(),
  logger: silent,
  registry: new Registry(),
  limits: true,
})
const [address] = await broker.listen({ tcp: { host: '127.0.0.1', port: 0 } })
process.send!(Number(new URL(address!).port))

import { openMqttWire } from './mqtt-wire.ts'
import type { Wire } from './wire.ts'
import type { FromWorker, ToWorker } from './worker-wire.ts'

/** Holds the connection apart from the page: a page that is busy drawing neither delays the data nor looks dead. */
const scope = self as unknown as {
  postMessage(message: FromWorker): void
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null
}
let wire: Promise<Wire> | null = null

scope.onmessage = ({ data }) => {
  if (data.kind === 'taken') wire?.then(opened => opened.taken())
  else if (data.kind === 'renew') wire?.then(opened => opened.renew(data.token))
  else if (data.kind === 'close') wire?.then(opened => opened.close())
  else {
    const lost = (reason: string): void => scope.postMessage({ kind: 'close', reason, unauthorized: false })
    wire = openMqttWire(data.options, {
      onOpen: refused => scope.postMessage({ kind: 'open', refused }),
      onBatch: batch => scope.postMessage({ kind: 'batch', batch }),
      onProbe: roundTripMs => scope.postMessage({ kind: 'probe', roundTripMs }),
      onClose: (reason, unauthorized) => scope.postMessage({ kind: 'close', reason, unauthorized }),
    })
    wire.catch((error: Error) => lost(error.message))
  }
}

import type { FixResult, Ingest } from '../bridge/index.ts'
import type { Handlers, Inbound, Refusal } from '../broker/index.ts'
import { type ChannelName, type ErrorCode, TrackwireError } from '../contract/index.ts'

/** Connects the channels that devices and people publish to with the ingest pipeline. */
export function brokerHandlers(ingest: Ingest): Handlers {
  return {
    location: async message => {
      const [result] = await ingest.fixes({ ...origin(message), fixes: [message.payload] })
      if (result?.status === 'refused') throw new TrackwireError(result.code as ErrorCode, result.message)
      if (result?.status === 'repeated') return 'repeated'
      return result?.status === 'set-aside' ? [{ code: result.code, message: result.message }] : []
    },
    locationBatch: async message => {
      const results = await ingest.fixes({ ...origin(message), fixes: message.payload })
      return results.flatMap(refusalOf)
    },
    sos: async message => {
      await ingest.sos({ ...origin(message), request: message.payload, principal: message.principal.sub })
      return []
    },
    sosAnswer: async ({ params, payload, principal, receivedAt }) => {
      await ingest.answerSos({
        org: params.org!,
        alertId: params.alertId!,
        action: params.action as 'acknowledge' | 'resolve',
        by: payload.by ?? principal.sub,
        ...(payload.note === undefined ? {} : { note: payload.note }),
        principal: principal.sub,
        receivedAt,
      })
      return []
    },
  }
}

function origin({ params, principal, receivedAt }: Inbound<ChannelName>) {
  const deviceId = params.deviceId!
  // A valid device token registers its own device on first use; other devices exist by registration.
  return {
    org: params.org!,
    deviceId,
    receivedAt,
    registers: principal.role === 'device' && principal.sub === deviceId,
  }
}

function refusalOf(result: FixResult, index: number): Refusal[] {
  return result.status === 'refused' || result.status === 'set-aside'
    ? [{ code: result.code, message: result.message, index }]
    : []
}

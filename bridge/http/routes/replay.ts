import { Readable } from 'node:stream'
import { MAX_REPLAY_FIXES, ReplayBody, readReplayRequest } from '../../replay/replay-request.ts'
import { MAX_REPLAY_EVENTS, runReplay } from '../../replay/run-replay.ts'
import { Turnstile } from '../../replay/turnstile.ts'
import { replayJson } from '../../replay/write-replay.ts'
import type { Database } from '../../store/database.ts'
import { abortOnDisconnect } from '../abort-on-disconnect.ts'
import { ALERT_READERS, principalOf } from '../access.ts'
import { problems } from '../problem.ts'
import { type Api, documented } from '../schema-checks.ts'
import { mustSeeDevice } from '../visibility.ts'

/** 20 MiB: as an import of fences; about 100,000 fixes of a track. */
const MAX_REPLAY_BYTES = 20 * 1_024 * 1_024
const MOST_WAITING = 16

const EVENT = { type: 'object', description: 'A GeofenceEvent, or the DeviceEvent of a rule' }
const events = (description: string) => ({ type: 'array', description, items: EVENT })

const Replayed = {
  type: 'object',
  description: 'What would have been announced',
  required: ['events', 'devices', 'truncated'],
  properties: {
    events: events('By device in the order asked for, then in the order of its fixes'),
    decisions: {
      type: 'array',
      description: 'With `decisions`: why each event came and why others did not',
      items: { type: 'object' },
    },
    devices: {
      type: 'array',
      description: 'What was run of each device; times in milliseconds',
      items: {
        type: 'object',
        required: ['deviceId', 'fixes', 'leadIn', 'repeated', 'events', 'firstFix', 'lastFix'],
        properties: {
          deviceId: { type: 'string' },
          fixes: { type: 'integer', description: 'Fixes from `from` to `to`' },
          leadIn: {
            type: 'integer',
            description: 'Fixes before `from` that were run, unreported, so that it is known where the device was',
          },
          repeated: {
            type: 'integer',
            description: 'Fixes of the track that repeat an earlier time: they change nothing',
          },
          events: { type: 'integer' },
          firstFix: { type: ['integer', 'null'] },
          lastFix: { type: ['integer', 'null'] },
        },
      },
    },
    comparison: {
      type: 'object',
      description:
        'With `compare`: the difference from the stored events that stand, of the replayed fences and of the rules',
      properties: {
        same: { type: 'integer' },
        gone: events('Announced, but not given by the replay'),
        added: events('Given by the replay, but not announced'),
      },
    },
    truncated: {
      type: ['object', 'null'],
      description:
        'What was not run because the call would have become too large, and how to go on; null: everything was run',
      properties: {
        message: { type: 'string' },
        rest: {
          type: 'array',
          items: {
            type: 'object',
            properties: { deviceId: { type: 'string' }, from: { type: ['integer', 'null'] } },
          },
        },
      },
    },
  },
}

/** What would have been announced: tracks through fences and rules, without touching live state. */
export function replayRoutes(app: Api, { db }: { db: Database }): void {
  const turnstile = new Turnstile(MOST_WAITING)

  app.post(
    '/api/v1/replay',
    {
      bodyLimit: MAX_REPLAY_BYTES,
      config: { access: ALERT_READERS },
      schema: {
        operationId: 'replay',
        summary: 'Run stored or given tracks through stored or given fences and rules, without touching anything live',
        description: `Everything is run as if the fences and rules had always been as they are given. \`from\` is inclusive, \`to\` exclusive. One call runs up to ${MAX_REPLAY_FIXES} fixes and gives up to ${MAX_REPLAY_EVENTS} events; \`truncated\` says what remains. Calls run one after the other; one whose client goes away stops.`,
        tags: ['alerts'],
        body: documented(ReplayBody),
        response: {
          200: Replayed,
          ...problems(
            'payload_not_json',
            'payload_invalid',
            'payload_too_large',
            'request_invalid',
            'media_type_unsupported',
            'fence_invalid',
            'device_mismatch',
            'position_null_island',
            'timestamp_implausible',
            'device_unknown',
            'not_found',
            'replay_busy',
          ),
        },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request)
      const { org } = principal
      const signal = abortOnDisconnect(reply)
      const question = await readReplayRequest(request.body)
      for (const deviceId of question.deviceIds) mustSeeDevice(principal, deviceId)
      try {
        const answer = await turnstile.pass(() => runReplay({ db, org, signal, now: Date.now() }, question), signal)
        const text = Readable.from(replayJson(answer, question.decisions))
        return reply.type('application/json; charset=utf-8').send(text)
      } catch (error) {
        if (!signal.aborted) throw error
        // Nobody is there to be answered.
        return reply.hijack()
      }
    },
  )
}

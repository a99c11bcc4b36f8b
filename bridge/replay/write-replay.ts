import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ReplayAnswer } from './run-replay.ts'

const ITEMS_A_PIECE = 200

/** The answer as JSON text, in pieces: an answer of 15 MB written at once would hold up everybody else. */
export async function* replayJson(answer: ReplayAnswer, withDecisions: boolean): AsyncGenerator<string> {
  const { events, decisions, devices, comparison, truncated } = answer
  yield '{"events":'
  yield* arrayJson(events)
  if (withDecisions) {
    yield ',"decisions":'
    yield* arrayJson(decisions)
  }
  yield `,"devices":${JSON.stringify(devices)}`
  if (comparison !== null) {
    yield `,"comparison":{"same":${comparison.same},"gone":`
    yield* arrayJson(comparison.gone)
    yield ',"added":'
    yield* arrayJson(comparison.added)
    yield '}'
  }
  yield `,"truncated":${JSON.stringify(truncated)}}`
}

async function* arrayJson(items: readonly unknown[]): AsyncGenerator<string> {
  for (let start = 0; start < items.length; start += ITEMS_A_PIECE) {
    const part = JSON.stringify(items.slice(start, start + ITEMS_A_PIECE))
    yield `${start === 0 ? '[' : ','}${part.slice(1, -1)}`
    await nextTurn()
  }
  yield items.length === 0 ? '[]' : ']'
}

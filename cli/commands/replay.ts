import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type ReplayAnswer, readReplayRequest, runReplay } from '../../bridge/index.ts'
import { type Command, UsageError } from '../command.ts'
import { readConfig } from '../config.ts'
import { eventLine, timeWriter } from '../event-line.ts'
import { checkOrg, readIds } from '../identifiers.ts'
import { withPlatformOrDatabase } from '../platform-or-database.ts'
import { readTrack } from '../read-track.ts'

export const replayCommand: Command = {
  help: `Usage: trackwire replay --device ID[,ID…] [options]
       trackwire replay --track FILE [--device ID] [options]

Runs stored tracks, or one from a file, through fences and rules and prints what would have been announced, one line an
event. Nothing live is touched. Works beside a running platform and without one.

  --device ID,…      whose stored track; with --track: whose of the file's tracks, or who it is to be
  --from TIME        milliseconds or ISO 8601 with a zone; from the beginning when left out
  --to TIME          up to, without it; to the end when left out
  --fences FILE      a GeoJSON FeatureCollection instead of the stored fences
  --fence ID,…       only these of the stored fences
  --rules FILE       rule settings as JSON instead of the stored ones
  --track FILE       .csv, .gpx, .geojson (.gz may follow) or .jsonl instead of the stored history
  --compare          what differs from what was announced: + would be new, - would be gone
  --decisions        also why, as the engine says it
  --clock            the silence after the last fix counts, up to --to or now (--compare has it anyway)
  --format FORMAT    text or json [text]
  --time-zone ZONE   of the times in the text, like Europe/Helsinki [this machine's]
  --org ORG          organisation [demo]
  --config FILE      read settings from FILE
  --help             this text

Example: trackwire replay --device truck-7 --from 2026-11-13T00:00:00Z --fences changed.geojson --compare
`,
  async run(args, { environment, stdout, stderr, signal }) {
    const { values } = parseArgs({
      args,
      options: {
        device: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' },
        fences: { type: 'string' },
        fence: { type: 'string' },
        rules: { type: 'string' },
        track: { type: 'string' },
        compare: { type: 'boolean' },
        decisions: { type: 'boolean' },
        clock: { type: 'boolean' },
        format: { type: 'string', default: 'text' },
        'time-zone': { type: 'string' },
        org: { type: 'string', default: 'demo' },
      },
    })
    const { org, format } = values
    checkOrg(org)
    if (format !== 'text' && format !== 'json') throw new UsageError(`--format "${format}" is not text or json`)
    const writeTime = readTimeZone(values['time-zone'])
    const tracks = await chooseTracks(values)
    const shared = {
      ...(values.from !== undefined && { from: values.from }),
      ...(values.to !== undefined && { to: values.to }),
      ...(values.fences !== undefined && { fences: await readJson('--fences', values.fences) }),
      ...(values.fence !== undefined && { fenceIds: [...new Set(readIds('--fence', values.fence))] }),
      ...(values.rules !== undefined && { rules: await readJson('--rules', values.rules) }),
      ...(values.compare && { compare: true }),
      ...(values.decisions && { decisions: true }),
      ...(values.clock && { clock: true }),
    }
    const print = (answer: ReplayAnswer) => {
      for (const line of linesOf(answer, writeTime)) stdout.write(`${line}\n`)
    }
    const total = emptyAnswer()
    const replayAll = async (replay: (body: unknown) => Promise<ReplayAnswer>) => {
      for (const [position, [deviceId, track]] of [...tracks].entries()) {
        const say = (fixes: number) => {
          if (tracks.size > 1 || fixes > 0)
            stderr.write(`replaying ${deviceId} (${position + 1} of ${tracks.size}), ${fixes} fixes so far\n`)
        }
        let body: object = { deviceId, ...shared, ...(track !== null && { track }) }
        let fixes = 0
        for (;;) {
          say(fixes)
          const answer = await replay(body)
          if (format === 'text') print(answer)
          addTo(total, answer)
          for (const device of answer.devices) fixes += device.fixes
          const rest = answer.truncated?.rest[0]
          if (rest === undefined) break
          body = { ...body, from: rest.from }
        }
      }
    }
    await withPlatformOrDatabase(
      readConfig(environment),
      { org, signal },
      {
        running: ask => replayAll(async body => checkAnswer(await ask('/api/v1/replay', body))),
        stopped: db =>
          replayAll(async body => runReplay({ db, org, signal, now: Date.now() }, await readReplayRequest(body))),
      },
    )
    if (format === 'json') stdout.write(`${JSON.stringify(documentOf(total, values), null, 2)}\n`)
    else stderr.write(`${summaryOf(total)}\n`)
    return 0
  },
}

type Totals = Omit<ReplayAnswer, 'comparison' | 'truncated'> & { comparison: NonNullable<ReplayAnswer['comparison']> }

function emptyAnswer(): Totals {
  return { events: [], decisions: [], devices: [], comparison: { gone: [], added: [], same: 0 } }
}

function addTo(total: Totals, { events, decisions = [], devices, comparison }: ReplayAnswer): void {
  total.events.push(...events)
  total.decisions.push(...decisions)
  total.devices.push(...devices)
  if (!comparison) return
  total.comparison.gone.push(...comparison.gone)
  total.comparison.added.push(...comparison.added)
  total.comparison.same += comparison.same
}

function documentOf(total: Totals, { decisions, compare }: { decisions?: boolean; compare?: boolean }): object {
  return {
    events: total.events,
    ...(decisions && { decisions: total.decisions }),
    devices: total.devices,
    ...(compare && { comparison: total.comparison }),
  }
}

function linesOf({ events, decisions = [], comparison }: ReplayAnswer, writeTime: (ms: number) => string): string[] {
  if (comparison) {
    const { gone, added } = comparison
    const changes = [...gone.map(event => ['-', event] as const), ...added.map(event => ['+', event] as const)]
    changes.sort(([, a], [, b]) => a.timestamp - b.timestamp)
    return changes.map(([sign, event]) => `${sign} ${eventLine(event, writeTime)}`)
  }
  const lines = events.map(event => ({ at: event.timestamp, text: eventLine(event, writeTime) }))
  for (const { timestamp, event, subject, outcome, text } of decisions) {
    const fate = outcome === 'announced' ? 'because' : 'not announced'
    lines.push({ at: timestamp, text: `${writeTime(timestamp)}    ${event} of ${subject} ${fate}: ${text}` })
  }
  return lines.sort((a, b) => a.at - b.at).map(({ text }) => text)
}

function summaryOf({ events, devices, comparison }: Totals): string {
  const fixes = devices.reduce((sum, device) => sum + device.fixes, 0)
  const { gone, added, same } = comparison
  const compared = gone.length + added.length + same > 0
  const difference = compared ? `; as announced: ${same}, gone: ${gone.length}, new: ${added.length}` : ''
  return `${count(fixes, 'fix', 'fixes')} of ${count(new Set(devices.map(({ deviceId }) => deviceId)).size, 'device')}, ${count(events.length, 'event')}${difference}`
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

/** The devices to replay, each with its track, null for the stored one. */
async function chooseTracks(values: { device?: string; track?: string }): Promise<Map<string, unknown[] | null>> {
  const ids = values.device === undefined ? [] : [...new Set(readIds('--device', values.device))]
  if (values.track === undefined) {
    if (ids.length === 0) throw new UsageError('say whose track it is: --device ID, or a file with --track')
    return new Map(ids.map(id => [id, null]))
  }
  const tracks = await readTrack(values.track)
  if (ids.length === 0) return tracks
  // A file of one track is whoever's it is said to be.
  if (ids.length === 1 && tracks.size === 1 && !tracks.has(ids[0]!)) {
    const [track] = tracks.values()
    return new Map([[ids[0]!, track!.map(fix => ({ ...(fix as object), deviceId: ids[0] }))]])
  }
  return new Map(
    ids.map(id => {
      const track = tracks.get(id)
      if (track === undefined)
        throw new UsageError(`${values.track} has no track of ${id}; it has ${[...tracks.keys()].join(', ')}`)
      return [id, track]
    }),
  )
}

async function readJson(option: string, path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${option}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${option}: ${path} is not JSON: ${(error as Error).message}`)
  }
}

function readTimeZone(timeZone: string | undefined): (ms: number) => string {
  try {
    return timeWriter(timeZone)
  } catch {
    throw new UsageError(`--time-zone "${timeZone}" is no IANA time zone; give one like Europe/Helsinki`)
  }
}

function checkAnswer(answer: Record<string, unknown>): ReplayAnswer {
  if (!Array.isArray(answer.events)) throw new Error('the answer of the platform broke off; try again')
  return answer as unknown as ReplayAnswer
}

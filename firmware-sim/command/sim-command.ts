import { TrackwireError } from '../../contract/index.ts'
import { createSimClock, sleep } from '../clock.ts'
import type { DevicePlan } from '../device-plan.ts'
import { type Fleet, startFleet } from '../fleet.ts'
import type { Counters, FleetEvent } from '../fleet-event.ts'
import { organisationOf, roleOf, subjectOf } from '../token-claims.ts'
import { SIM_HELP, SIM_SUMMARY } from './sim-help.ts'
import { type Output, startProgress } from './sim-progress.ts'
import { readSimSettings, type SimSettings, UsageError } from './sim-settings.ts'
import { type MintToken, NO_TOKENS, openTokens } from './sim-tokens.ts'
import { imeiOf, makeTracks, type SimTracks } from './sim-tracks.ts'

export interface SimIo {
  readonly stdout: Output
  readonly stderr: Output
  /** Aborted to stop gracefully. */
  readonly signal: AbortSignal
  /** Not read; there so that every command has the same shape. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly mintToken?: MintToken
}

const OK = 0
const INCOMPLETE = 1
const WRONG_USAGE = 2

/** Nobody got through in this time: tell the person instead of trying for ever. */
const FIRST_CONNECTION_MS = 15_000
const DRAIN_MS = 10_000

/** `trackwire sim`. Returns the exit code: 0 everything acknowledged, 1 something refused or lost, 2 wrong usage. */
export const simCommand = {
  name: 'sim',
  summary: SIM_SUMMARY,
  help: SIM_HELP,
  async run(argv: readonly string[], io: SimIo): Promise<number> {
    try {
      const settings = readSimSettings(argv)
      if (settings.help) {
        io.stdout.write(SIM_HELP)
        return OK
      }
      return await simulate(settings, io)
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof TrackwireError)) throw error
      io.stderr.write(`trackwire sim: ${error.message}\n`)
      return WRONG_USAGE
    }
  },
}

async function simulate(settings: SimSettings, io: SimIo): Promise<number> {
  const tokens = settings.protocol === undefined ? await openTokens(settings, io.mintToken) : NO_TOKENS
  const { sample } = tokens
  const org = settings.org ?? (sample && organisationOf(sample)) ?? 'demo'
  const soleDevice =
    (sample && roleOf(sample) === 'device' ? subjectOf(sample) : undefined) ??
    (settings.protocol === undefined ? 'sim-1' : imeiOf(1))
  const made = await makeTracks(settings, soleDevice)
  const devices = await Promise.all(
    made.tracks.map(
      async (track, i): Promise<DevicePlan> => ({
        ...track,
        ...linkPlan(settings),
        ...(i === 0 ? sosPlan(settings) : {}),
        token: await tokens.tokenFor(track.deviceId, i, org),
      }),
    ),
  )

  const first = createFirstConnection(devices.length)
  const clock = createSimClock({ speed: settings.speed, startMs: startOf(settings, made) })
  let progress: ReturnType<typeof startProgress> | undefined
  const fleet = await startFleet({
    url: settings.url,
    ...(settings.protocol !== undefined && { protocol: settings.protocol }),
    org,
    devices,
    clock,
    seed: settings.seed,
    qos: settings.qos,
    batchSize: settings.batchSize,
    bufferSize: settings.bufferSize,
    rampUpPerSecond: settings.rampUpPerSecond,
    onEvent: event => {
      first.event(event)
      progress?.event(event)
    },
  })
  progress = startProgress({
    stdout: io.stdout,
    json: settings.json,
    devices: devices.length,
    counters: fleet.counters,
    now: Date.now,
  })
  let ok = false
  try {
    const failure = (await untilOver(settings, fleet, first.failure, io.signal)) ?? first.sentence()
    await fleet.close(failure === undefined ? DRAIN_MS : 0)
    if (failure !== undefined) io.stderr.write(`trackwire sim: ${failure}\n`)
    ok = failure === undefined && isComplete(fleet.counters())
  } finally {
    await fleet.close(0)
    progress.end(ok)
  }
  return ok ? OK : INCOMPLETE
}

/** Resolves when the tracks have ended, the time is up or the person stops it; with a sentence when nobody could connect. */
async function untilOver(
  settings: SimSettings,
  fleet: Fleet,
  failure: Promise<string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const timeUp = sleep(settings.durationSeconds === undefined ? 2 ** 31 - 1 : settings.durationSeconds * 1_000, either)
  try {
    return await Promise.race([fleet.finished.then(() => undefined), timeUp.then(() => undefined), failure])
  } finally {
    over.abort()
  }
}

/** Watches for a run in which nobody ever gets through. */
function createFirstConnection(devices: number) {
  const refused = new Set<string>()
  let reason = 'no answer'
  let connected = false
  let fail: (sentence: string) => void = () => undefined
  const failure = new Promise<string>(resolve => {
    fail = resolve
  })
  const sentence = () => (connected ? undefined : `no device could connect: ${reason}.`)
  const timer = setTimeout(() => fail(sentence()!), FIRST_CONNECTION_MS)
  timer.unref()
  return {
    failure,
    /** Why nobody has connected so far; undefined when somebody has. */
    sentence,
    event(event: FleetEvent) {
      if (connected) return
      if (event.type === 'connected') {
        connected = true
        clearTimeout(timer)
      }
      if (event.type !== 'disconnected') return
      reason = event.reason
      if (!event.refused) return
      refused.add(event.deviceId)
      if (refused.size === devices) {
        clearTimeout(timer)
        fail(sentence()!)
      }
    },
  }
}

function isComplete({ taken, acknowledged, buffered, refused, dropped }: Counters): boolean {
  return taken === acknowledged && buffered === 0 && refused === 0 && dropped === 0
}

/** Faster than real time, the tracks begin so far in the past that they end now. */
function startOf(settings: SimSettings, { spanSeconds, startMs }: SimTracks): number {
  if (startMs !== undefined) return startMs
  const { speed, durationSeconds = Number.POSITIVE_INFINITY } = settings
  const simulatedSeconds = Math.min(spanSeconds, durationSeconds * speed)
  return speed <= 1 ? Date.now() : Date.now() - simulatedSeconds * (1 - 1 / speed) * 1_000
}

function linkPlan({ offlineEverySeconds, offlineForSeconds }: SimSettings): Pick<DevicePlan, 'link'> {
  if (offlineEverySeconds === undefined) return {}
  return {
    link: {
      firstCutAfterSeconds: offlineEverySeconds - offlineForSeconds,
      cutForSeconds: offlineForSeconds,
      everySeconds: offlineEverySeconds,
    },
  }
}

function sosPlan({ sosAfterSeconds }: SimSettings): Pick<DevicePlan, 'sos'> {
  return sosAfterSeconds === undefined ? {} : { sos: { afterSeconds: sosAfterSeconds, message: 'simulated SOS' } }
}

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Registry } from 'prom-client'
import { type ImportAnswer, importTrack, listDevices, startIngest } from '../../bridge/index.ts'
import { TrackwireError } from '../../contract/index.ts'
import { CLI_ACTOR } from '../cli-actor.ts'
import { type Command, UsageError } from '../command.ts'
import { readConfig } from '../config.ts'
import { checkOrg, readIds } from '../identifiers.ts'
import { createLogger } from '../logger.ts'
import { RefusedByPlatform, withPlatformOrDatabase } from '../platform-or-database.ts'
import { progressBar } from '../progress-bar.ts'

export const importCommand: Command = {
  help: `Usage: trackwire import FILE --device ID [options]

Takes a recorded track into the history of a device: GPX, KML, CSV, NMEA or GeoJSON, found out from the file. Each fix counts
as one that comes late, so fences and rules are evaluated. A file that cannot be read to its end changes nothing; single bad
places are left out and told. Importing again is harmless. Works beside a running platform (up to 512 MiB) and without one.

  --device ID        whose track it is
  --dry-run          only say what it would do
  --org ORG          organisation [demo]
  --config FILE      read settings from FILE
  --help             this text

Example: trackwire import morning.gpx --device truck-7 --org demo --dry-run
`,
  async run(args, { environment, stdout, stderr, signal }) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        device: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        org: { type: 'string', default: 'demo' },
      },
    })
    const [file, ...more] = positionals
    const { org, 'dry-run': dryRun } = values
    if (file === undefined || more.length > 0) throw new UsageError('say "trackwire import FILE --device ID"')
    if (values.device === undefined) throw new UsageError('say whose track it is: --device ID')
    const [deviceId, ...others] = readIds('--device', values.device)
    if (deviceId === undefined || others.length > 0) throw new UsageError('--device is one device')
    checkOrg(org)
    const config = readConfig(environment)
    const bytes = await sizeOf(file)
    stderr.write(`${file}: ${bytes} bytes; ${dryRun ? 'checking' : 'importing'} …\n`)
    const progress = progressBar(stderr)
    let answer: ImportAnswer
    try {
      answer = await withPlatformOrDatabase(
        config,
        { org, signal },
        {
          running: async ask => {
            const path = `/api/v1/devices/${encodeURIComponent(deviceId)}/import?dryRun=${dryRun}`
            const body = { file, size: bytes, type: 'application/octet-stream', onProgress: progress.tell }
            return (await ask(path, body)) as unknown as ImportAnswer
          },
          stopped: async db => {
            const known = await listDevices(db, org, { visible: [deviceId], after: undefined, limit: 1 })
            if (known.length === 0) throw new TrackwireError('device_unknown', `no device ${deviceId} is registered`)
            const logger = createLogger({ logLevel: 'warn', logFormat: config.logFormat })
            const ingest = await startIngest({ db, logger, registry: new Registry(), retentionRawDays: 0 })
            try {
              return await importTrack({
                db,
                ingest,
                org,
                deviceId,
                open: () => createReadStream(file, { signal }),
                dryRun,
                now: Date.now,
                act: { org, actor: CLI_ACTOR, action: 'history.import', target: deviceId },
                onProgress: progress.tell,
              })
            } finally {
              await ingest.close()
            }
          },
        },
      )
    } catch (error) {
      progress.end()
      for (const line of faultsOf(error)) stderr.write(`${line}\n`)
      throw error
    }
    progress.end()
    for (const { message } of answer.errors) stderr.write(`left out: ${message}\n`)
    const untold = answer.refused - answer.errors.length
    if (untold > 0) stderr.write(`left out: and ${untold} more\n`)
    const { imported, repeated, refused, format } = answer
    stdout.write(
      `${format}: ${dryRun ? 'would be ' : ''}imported ${imported}, there already ${repeated}, left out ${refused}\n`,
    )
    return 0
  },
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** What is wrong with the places of a file of which nothing was imported, but for the first, which the error itself names. */
function faultsOf(error: unknown): string[] {
  const details =
    error instanceof RefusedByPlatform ? error.answer : error instanceof TrackwireError ? (error.details ?? {}) : {}
  const { errors = [] } = details as { errors?: { message: string }[] }
  return errors.slice(1).map(({ message }) => message)
}

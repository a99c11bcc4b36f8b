import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  createTokens,
  type ImportOutcome,
  importDevices,
  openSigningKeys,
  readDeviceArray,
  readDeviceCsv,
  recordAudit,
  registerDevicesIn,
} from '../../../bridge/index.ts'
import { decodeJson, TrackwireError } from '../../../contract/index.ts'
import { CLI_ACTOR } from '../../cli-actor.ts'
import { type CommandContext, UsageError } from '../../command.ts'
import { readConfig } from '../../config.ts'
import { checkOrg } from '../../identifiers.ts'
import { RefusedByPlatform, withPlatformOrDatabase } from '../../platform-or-database.ts'

const TOKEN_TTL_SECONDS = 10 * 365 * 86_400
/** Minting ten thousand tokens takes a second or two: said how far it is. */
const TOLD_EVERY = 1_000

type Outcome = ImportOutcome

/** `trackwire device import FILE` */
export async function importDeviceList(
  args: string[],
  { environment, stdout, stderr, signal }: CommandContext,
): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      org: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      partial: { type: 'boolean', default: false },
      tokens: { type: 'boolean', default: false },
    },
  })
  const [file, ...more] = positionals
  const { org, partial, 'dry-run': dryRun } = values
  if (file === undefined || more.length > 0) throw new UsageError('say "trackwire device import FILE --org ORG"')
  if (org === undefined) throw new UsageError('device import needs --org')
  checkOrg(org)
  const config = readConfig(environment)
  const bytes = await readList(file)
  const isCsv = !/^\s*\[/.test(
    bytes
      .subarray(0, 64)
      .toString('latin1')
      .replace(/^\u00ef\u00bb\u00bf/, ''),
  )
  stderr.write(
    `${file}: ${bytes.length} bytes of ${isCsv ? 'CSV' : 'JSON'}; ${dryRun ? 'checking' : 'registering'} …\n`,
  )
  let outcome: Outcome
  try {
    outcome = await withPlatformOrDatabase(
      config,
      { org, signal },
      {
        running: async ask => {
          const path = `/api/v1/devices/import?dryRun=${dryRun}&partial=${partial}`
          const type = isCsv ? 'text/csv' : 'application/json'
          return (await ask(path, { file, size: bytes.length, type })) as unknown as Outcome
        },
        stopped: async db => {
          const list = isCsv ? readDeviceCsv(bytes) : readDeviceArray(decodeJson(bytes, 'body'))
          type Devices = Parameters<typeof registerDevicesIn>[2]
          const register = (devices: Devices) =>
            db.transaction(async tx => {
              const plan = await registerDevicesIn(tx, org, devices, Date.now())
              const detail = { created: plan.created.length, updated: plan.updated.length }
              await recordAudit(
                tx,
                { org, actor: CLI_ACTOR, action: 'device.import', target: `${devices.length} devices`, detail },
                Date.now(),
              )
              return plan
            })
          return importDevices(db, org, list, { partial, register: dryRun ? undefined : register })
        },
      },
    )
  } catch (error) {
    const lines = faultsOf(error)
    if (lines === null) throw error
    stderr.write(
      `${lines.join('\n')}\ntrackwire: nothing was imported; mend the lines, or leave them out with --partial\n`,
    )
    return 1
  }
  for (const { message } of outcome.errors) stderr.write(`left out: ${message}\n`)
  const { created, updated, unchanged } = outcome
  const summary = `${dryRun ? 'would be ' : ''}new ${created.length}, changed ${updated.length}, as they were ${unchanged.length}\n`
  if (!values.tokens || dryRun) {
    stdout.write(summary)
    return 0
  }
  stderr.write(summary)
  const tokens = createTokens(await openSigningKeys(config.dataDirectory))
  stdout.write('id,token\n')
  for (const [i, sub] of created.entries()) {
    stdout.write(`${sub},${await tokens.mint({ org, sub, role: 'device', ttlSeconds: TOKEN_TTL_SECONDS })}\n`)
    if ((i + 1) % TOLD_EVERY === 0) stderr.write(`${i + 1} of ${created.length} tokens\n`)
  }
  return 0
}

async function readList(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** What is wrong with the lines of an import; null when it failed for another reason. */
function faultsOf(error: unknown): string[] | null {
  const details =
    error instanceof RefusedByPlatform ? error.answer : error instanceof TrackwireError ? (error.details ?? {}) : {}
  const { errors, errorCount } = details as { errors?: { message: string }[]; errorCount?: number }
  if (errors === undefined) return null
  const more = (errorCount ?? errors.length) - errors.length
  return [...errors.map(({ message }) => message), ...(more > 0 ? [`and ${more} more`] : [])]
}

import { parseArgs } from 'node:util'
import { listDevices } from '../../../bridge/index.ts'
import { type CommandContext, UsageError } from '../../command.ts'
import { readConfig } from '../../config.ts'
import { checkOrg } from '../../identifiers.ts'
import { withPlatformOrDatabase } from '../../platform-or-database.ts'

const PAGE = 1_000

interface Listed {
  readonly id: string
  readonly name: string | null
  readonly groups: readonly string[]
}

/** `trackwire device list` */
export async function printDevices(args: string[], { environment, stdout, signal }: CommandContext): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { org: { type: 'string' }, json: { type: 'boolean', default: false } },
  })
  const { org, json } = values
  if (org === undefined) throw new UsageError('device list needs --org')
  checkOrg(org)
  const config = readConfig(environment)
  const devices = await withPlatformOrDatabase<Listed[]>(
    config,
    { org, signal },
    {
      running: async ask => {
        const all: Listed[] = []
        for (let cursor: string | null = ''; cursor !== null; ) {
          const page: { items: Listed[]; next: string | null } = (await ask(
            `/api/v1/devices?limit=${PAGE}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
          )) as never
          all.push(...page.items)
          cursor = page.next
        }
        return all.map(({ id, name, groups }) => ({ id, name, groups }))
      },
      stopped: async db => {
        const all: Listed[] = []
        for (let after: string | undefined, more = true; more; ) {
          const rows = await listDevices(db, org, { visible: null, after, limit: PAGE })
          all.push(...rows.map(({ device_id, name, groups }) => ({ id: device_id, name, groups })))
          after = rows.at(-1)?.device_id
          more = rows.length === PAGE
        }
        return all
      },
    },
  )
  if (json) stdout.write(`${JSON.stringify(devices, null, 2)}\n`)
  else
    for (const { id, name, groups } of devices)
      stdout.write(`${[id, plain(name ?? ''), groups.join(',')].join('\t')}\n`)
  return 0
}

/** A name is anybody's text; on a terminal it must stay on its line. */
function plain(name: string): string {
  return name.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
}

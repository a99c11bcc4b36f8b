import { parseArgs } from 'node:util'
import { type Database, type Explanation, explain, readTime, timeWriter } from '../../bridge/index.ts'
import { type Command, UsageError } from '../command.ts'
import { readConfig } from '../config.ts'
import { checkId, checkOrg } from '../identifiers.ts'
import { type AskRunning, withPlatformOrDatabase } from '../platform-or-database.ts'

const PAGE = 1_000
const DAY_MS = 86_400_000

export const explainCommand: Command = {
  help: `Usage: trackwire explain --device ID [options]

Says why there were alerts of a device, or why there were none: one line for each crossing or rule that was announced or was not,
with the fix, the distance to the border, the accuracy and the reason. Works beside a running platform and without one.

  --device ID        whose
  --from TIME        milliseconds or ISO 8601 with a zone; 24 hours before --to when left out
  --to TIME          up to, without it; now when left out
  --fence ID         only this fence
  --rule NAME        only this rule, like overspeed
  --time-zone ZONE   of the times, like Europe/Helsinki [UTC]
  --format FORMAT    text or json [text]
  --org ORG          organisation [demo]
  --config FILE      read settings from FILE
  --help             this text

Example: trackwire explain --device truck-7 --from 2026-11-20T12:00:00Z --to 2026-11-20T15:00:00Z --fence depot
`,
  async run(args, { environment, stdout, stderr, signal }) {
    const { values } = parseArgs({
      args,
      options: {
        device: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' },
        fence: { type: 'string' },
        rule: { type: 'string' },
        'time-zone': { type: 'string' },
        format: { type: 'string', default: 'text' },
        org: { type: 'string', default: 'demo' },
      },
    })
    const { device, org, format } = values
    if (device === undefined) throw new UsageError('say whose alerts: --device ID')
    checkId('--device', device)
    checkOrg(org)
    if (format !== 'text' && format !== 'json') throw new UsageError(`--format "${format}" is not text or json`)
    const question = { deviceId: device, ...values, timeZone: values['time-zone'] }
    const items: Explanation[] = []
    const notes = new Set<string>()
    const take = ({ items: page, note }: Page) => {
      if (note !== null && !notes.has(note)) stderr.write(`note: ${note}\n`)
      if (note !== null) notes.add(note)
      if (format === 'text') for (const { text } of page) stdout.write(`${text}\n`)
      items.push(...page)
    }
    await withPlatformOrDatabase(
      readConfig(environment),
      { org, signal },
      {
        running: ask => askPages(ask, question, take),
        stopped: db => readPages(db, org, signal, question, take),
      },
    )
    if (format === 'json') stdout.write(`${JSON.stringify({ items, notes: [...notes] }, null, 2)}\n`)
    else if (items.length === 0) stderr.write('nothing was decided in that time: no crossing of a fence, no rule\n')
    return 0
  },
}

interface Question {
  readonly deviceId: string
  readonly from?: string
  readonly to?: string
  readonly fence?: string
  readonly rule?: string
  readonly timeZone: string | undefined
}

interface Page {
  readonly items: readonly Explanation[]
  readonly note: string | null
}

async function askPages(ask: AskRunning, question: Question, take: (page: Page) => void): Promise<void> {
  const { deviceId, from, to, fence, rule, timeZone } = question
  for (let cursor: string | null = ''; cursor !== null; ) {
    const given = { from, to, fenceId: fence, rule, timeZone, cursor: cursor || undefined, limit: String(PAGE) }
    const query = new URLSearchParams(
      Object.entries(given).filter(([, value]) => value !== undefined) as [string, string][],
    )
    const page = (await ask(`/api/v1/devices/${deviceId}/explain?${query}`)) as unknown as Page & {
      next: string | null
    }
    if (!Array.isArray(page.items)) throw new Error('the answer of the platform broke off; try again')
    take(page)
    cursor = page.next
  }
}

async function readPages(
  db: Database,
  org: string,
  signal: AbortSignal,
  question: Question,
  take: (page: Page) => void,
): Promise<void> {
  const now = Date.now()
  const to = readTime('--to', question.to) ?? now + 1
  const from = readTime('--from', question.from) ?? to - DAY_MS
  const request = {
    deviceId: question.deviceId,
    from,
    to,
    subject: question.fence ?? question.rule,
    limit: PAGE,
    writeTime: timeWriter(question.timeZone),
  }
  for (let after: readonly [number, number] | null | undefined; after !== null; ) {
    const page = await explain({ db, org, signal, now }, { ...request, after })
    take(page)
    after = page.next
  }
}

/**
 * A process that stores fixes of one device as fast as they are acknowledged, and prints the second of each after its
 * acknowledgement and each announced event; to be killed. Arguments: data folder, database URL or an empty string.
 */
import { Registry } from 'prom-client'
import { migrate, openDatabase, startIngest } from '../../bridge/index.ts'
import { silent } from './databases.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE } from './ingest.ts'

async function storeForEver(dataDirectory: string, url: string): Promise<never> {
  const db = await openDatabase({ url, dataDirectory, logger: silent })
  await migrate(db)
  const ingest = await startIngest({ db, logger: silent, registry: new Registry(), retentionRawDays: 30 })
  await ingest.putFence('demo', FENCE)
  await ingest.announce(async ({ topic, payload }) => {
    if (topic.includes('notifications'))
      process.stdout.write(`announced ${(JSON.parse(payload) as { id: string }).id}\n`)
  })
  for (let second = 1; ; second++) {
    const fix = fixAt(second, second % 2 ? OUTSIDE : INSIDE)
    await ingest.fixes({ org: 'demo', deviceId: 'truck', fixes: [fix], receivedAt: Date.now(), registers: true })
    process.stdout.write(`acknowledged ${fix.timestamp}\n`)
  }
}

// A test runner that takes every file of this folder for a test gives no arguments.
const [dataDirectory, url] = process.argv.slice(2)
if (dataDirectory !== undefined && url !== undefined) await storeForEver(dataDirectory, url)

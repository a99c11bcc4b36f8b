import { after, describe } from 'node:test'
import { withPostgresUrl } from '../../support/databases.ts'
import { commandsSuite } from './commands-suite.ts'

const releases: (() => Promise<void>)[] = []
after(async () => {
  for (const release of releases) await release()
})
const url = await withPostgresUrl({ after: (release: () => Promise<void>) => void releases.push(release) })
const skip = url === undefined && 'no PostgreSQL: set TRACKWIRE_TEST_POSTGRES_URL, or install its server programs'

describe('commands on PostgreSQL', { skip }, () => commandsSuite(url))

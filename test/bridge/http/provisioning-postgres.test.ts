import { after, describe } from 'node:test'
import { withPostgresUrl } from '../../support/databases.ts'
import { provisioningSuite } from './provisioning-suite.ts'

const releases: (() => Promise<void>)[] = []
const scope = { after: (release: () => Promise<void>) => void releases.push(release) }
after(async () => {
  for (const release of releases) await release()
})

const url = await withPostgresUrl(scope)
const skip = url === undefined && 'no PostgreSQL: set TRACKWIRE_TEST_POSTGRES_URL, or install its server programs'

describe('on a PostgreSQL server', { skip }, () => provisioningSuite(url))

import { after, describe } from 'node:test'
import { withPostgresUrl } from '../../support/databases.ts'
import { auditSuite } from './audit-suite.ts'
import { fencesAlertsSosSuite } from './fences-alerts-sos-suite.ts'
import { identitySuite } from './identity-suite.ts'
import { incidentsSuite } from './incidents-suite.ts'
import { rulesSuite } from './rules-suite.ts'
import { setAsideSuite } from './set-aside-suite.ts'
import { trackingSuite } from './tracking-suite.ts'

const releases: (() => Promise<void>)[] = []
const scope = { after: (release: () => Promise<void>) => void releases.push(release) }
after(async () => {
  for (const release of releases) await release()
})

const first = await withPostgresUrl(scope)
const second = await withPostgresUrl(scope)
const third = await withPostgresUrl(scope)
const fourth = await withPostgresUrl(scope)
const fifth = await withPostgresUrl(scope)
const sixth = await withPostgresUrl(scope)
const skip = first === undefined && 'no PostgreSQL: set TRACKWIRE_TEST_POSTGRES_URL, or install its server programs'

describe('audit on PostgreSQL', { skip }, () => auditSuite(sixth))
describe('tracking on PostgreSQL', { skip }, () => trackingSuite(first))
describe('fences, alerts and SOS on PostgreSQL', { skip }, () => fencesAlertsSosSuite(second))
describe('rules on PostgreSQL', { skip }, () => rulesSuite(third))
describe('set aside on PostgreSQL', { skip }, () => setAsideSuite(fourth))
describe('incidents on PostgreSQL', { skip }, () => incidentsSuite(fifth))
describe('people, bans and revocations on PostgreSQL', { skip }, () => identitySuite(sixth))

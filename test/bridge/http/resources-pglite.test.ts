import { describe } from 'node:test'
import { auditSuite } from './audit-suite.ts'
import { fencesAlertsSosSuite } from './fences-alerts-sos-suite.ts'
import { identitySuite } from './identity-suite.ts'
import { incidentsSuite } from './incidents-suite.ts'
import { rulesSuite } from './rules-suite.ts'
import { setAsideSuite } from './set-aside-suite.ts'
import { trackingSuite } from './tracking-suite.ts'

describe('audit on PGlite', () => auditSuite())
describe('tracking on PGlite', () => trackingSuite())
describe('fences, alerts and SOS on PGlite', () => fencesAlertsSosSuite())
describe('rules on PGlite', () => rulesSuite())
describe('set aside on PGlite', () => setAsideSuite())
describe('incidents on PGlite', () => incidentsSuite())
describe('people, bans and revocations on PGlite', () => identitySuite())

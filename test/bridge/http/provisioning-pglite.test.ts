import { describe } from 'node:test'
import { provisioningSuite } from './provisioning-suite.ts'

describe('on embedded PostgreSQL', () => provisioningSuite())

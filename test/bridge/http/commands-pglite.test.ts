import { describe } from 'node:test'
import { commandsSuite } from './commands-suite.ts'

describe('commands on PGlite', () => commandsSuite())

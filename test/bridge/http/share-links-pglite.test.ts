import { describe } from 'node:test'
import { shareLinksSuite } from './share-links-suite.ts'

describe('share links on PGlite', () => shareLinksSuite())

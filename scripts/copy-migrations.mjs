// tsc compiles TypeScript only; the migrations have to lie beside the compiled migrate.js.
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = path => fileURLToPath(new URL(`../${path}`, import.meta.url))
const target = at('dist/bridge/store/migrations')
rmSync(target, { recursive: true, force: true })
cpSync(at('bridge/store/migrations'), target, { recursive: true })

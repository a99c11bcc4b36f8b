#!/usr/bin/env node
import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main)
} else {
  console.error('trackwire: not built yet; run "npm run build" once.')
  process.exitCode = 1
}

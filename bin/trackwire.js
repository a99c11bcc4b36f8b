#!/usr/bin/env node
import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  // The build bundles; stack traces tell files and lines of the sources.
  process.setSourceMapsEnabled(true)
  await import(main)
} else {
  console.error('trackwire: not built yet; run "npm run build" once.')
  process.exitCode = 1
}

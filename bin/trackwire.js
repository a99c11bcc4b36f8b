#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'

// V8 allocates as old what survived while the platform was busy or started, and goes on to; what a fix leaves behind then waits for a
// collection of the whole heap, which stops everything (docs/decisions/0034-what-is-left-behind.md). Before anything is compiled.
setFlagsFromString('--no-allocation-site-pretenuring')

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  // The build bundles; stack traces tell files and lines of the sources.
  process.setSourceMapsEnabled(true)
  await import(main)
} else {
  console.error('trackwire: not built yet; run "npm run build" once.')
  process.exitCode = 1
}

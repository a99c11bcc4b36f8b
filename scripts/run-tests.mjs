// Runs the compiled tests with Node's own runner. Files are named one by one: given a folder, Node 20 runs every file below a
// folder called "test", the helpers too, and later versions take no folder at all.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../dist/test', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
  .map(entry => `${entry.parentPath ?? entry.path}/${entry.name}`)
  .filter(file => wanted.length === 0 || wanted.some(part => file.includes(part)))
  .sort()
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ') || 'anything'}; run "npm run build" first`)
  process.exit(1)
}

const isLong = process.env.TRACKWIRE_TEST_LONG === '1'
if (!isLong) {
  console.log(
    'the shorter run: part of the real data, fewer random cases, WebAssembly unoptimised; all with TRACKWIRE_TEST_LONG=1',
  )
}
// Dozens of platforms start and stop: compiling their embedded databases with all optimisation would cost more than it gives.
const quickStart = isLong ? [] : ['--liftoff-only', '--wasm-lazy-compilation']

// Two at a time: several start databases, brokers and browsers of their own.
const runner = ['--enable-source-maps', '--test', '--test-concurrency=2', '--test-reporter=spec']
const child = spawn(process.execPath, [...quickStart, ...runner, ...files], { stdio: 'inherit' })
child.on('exit', code => {
  process.exitCode = code ?? 1
})

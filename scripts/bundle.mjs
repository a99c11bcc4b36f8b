// Starting was mostly loading: 1,300 modules for "trackwire --help". So what is started, the command and the tests, is bundled into
// dist/, each program in the place where tsc put its first module, and what they share in dist/chunks. The other files of tsc stay:
// they are the package's entries for other programs, and those that are started by name (the worker of the embedded database).
import { readdirSync, rmSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`

const PROGRAMS = [
  'cli/main.ts',
  ...readdirSync(`${root}test`, { recursive: true })
    .filter(file => /(\.test|[\\/]broker-process|[\\/]ingest-child)\.ts$/.test(file))
    .map(file => `test/${file.split(sep).join('/')}`),
]

/** Packages of many modules, which are slow to load one by one. Those that are native, start threads or have files of their own stay outside. */
const BUNDLED = /^(typebox|jose|fastify|mqtt|prom-client|pg|ws|fast-xml-parser)(\/|$)/
/** Asked for by bundled packages: found there when they are installed, or shared with a package that is not bundled. */
const OUTSIDE = /^(pino|pg-native|pg-cloudflare|bufferutil|utf-8-validate|mqtt-packet)(\/|$)/

const isOurs = module => module.startsWith(root) && !module.startsWith(`${root}node_modules`)
const place = module =>
  relative(root, module)
    .split(sep)
    .join('/')
    .replace(/\.tsx?$/, '.js')

/** Gives every module the `import.meta.url` it has as a file of its own in dist/, wherever its code comes to lie. */
const keepPlaces = {
  name: 'keep-places',
  resolveId: id => (id === 'virtual:dist' ? id : null),
  load: id => (id === 'virtual:dist' ? "export const at = path => new URL('../' + path, import.meta.url).href" : null),
  transform: {
    filter: { code: 'import.meta.url' },
    handler(code, id) {
      if (!isOurs(id)) return null
      // On the first line, so that the lines of stack traces stay true.
      const asked = code.replaceAll('import.meta.url', `placeInDist(${JSON.stringify(place(id))})`)
      return { code: `import { at as placeInDist } from 'virtual:dist'; ${asked}`, map: null }
    },
  },
}

rmSync(`${dist}/chunks`, { recursive: true, force: true })
const bundle = await rolldown({
  input: Object.fromEntries(PROGRAMS.map(file => [file.replace(/\.ts$/, ''), root + file])),
  platform: 'node',
  plugins: [keepPlaces],
  external(id, importer) {
    if (/^[./]|^[A-Za-z]:|^virtual:/.test(id)) return false
    return importer === undefined || isOurs(importer) ? !BUNDLED.test(id) : id.startsWith('node:') || OUTSIDE.test(id)
  },
  // Loading a module of ours does nothing but define things: what nobody uses of a front door is left out.
  treeshake: { moduleSideEffects: id => !isOurs(id) || PROGRAMS.includes(relative(root, id).split(sep).join('/')) },
  checks: { ineffectiveDynamicImport: false },
})
await bundle.write({
  dir: dist,
  format: 'esm',
  sourcemap: true,
  sourcemapExcludeSources: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  // In a chunk, never in a program: its own place has to be known.
  codeSplitting: { groups: [{ name: 'place', test: /^virtual:dist$/ }] },
})
await bundle.close()

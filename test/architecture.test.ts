import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/*
 * The shape of the code: who may import whom, and where the process, the environment and the
 * topics are spoken of. Type imports count as imports.
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FRONT_DOOR = 'index.ts'

/** Which other folders each folder may import, by their front door alone. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  broker: ['contract'],
  'geofence-engine': ['contract'],
  bridge: ['contract', 'geofence-engine'],
  'web-client': ['contract', 'geofence-engine'],
  'firmware-sim': ['contract'],
  cli: ['contract', 'broker', 'geofence-engine', 'bridge', 'web-client', 'firmware-sim'],
}
/** These look into everything, deep down too. */
const UNBOUND = ['test', 'bench', 'scripts']

const NO_NAMES = new Set([
  'utils',
  'util',
  'helpers',
  'helper',
  'manager',
  'managers',
  'service',
  'services',
  'common',
  'misc',
])

interface SourceFile {
  /** Relative to the repository, with slashes. */
  readonly path: string
  readonly folder: string
  readonly text: string
}

const skipped = new Set(['node_modules', 'dist', '.git', 'data'])

function sourceFiles(folders: readonly string[]): SourceFile[] {
  return folders.flatMap(folder =>
    walk(join(ROOT, folder)).map(file => ({
      path: relative(ROOT, file).split(sep).join('/'),
      folder,
      text: readFileSync(file, 'utf8'),
    })),
  )
}

function walk(folder: string): string[] {
  let entries: import('node:fs').Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
  return entries.flatMap(entry => {
    if (skipped.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return walk(path)
    return /\.tsx?$/.test(entry.name) ? [path] : []
  })
}

const FILES = sourceFiles([...Object.keys(MAY_IMPORT), ...UNBOUND])
const OURS = FILES.filter(({ folder }) => folder in MAY_IMPORT)

/** Every module a file names: `import … from`, `export … from`, `import '…'`, `import('…')`. */
function importsOf(text: string): string[] {
  const code = withoutComments(text)
  const found = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g)
  return [...found].map(([, , specifier]) => specifier!)
}

/** Blanks comments out, leaves strings alone. */
function withoutComments(text: string): string {
  return text.replaceAll(
    /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|(?<![:\w])\/\/[^\n]*/g,
    match => (match.startsWith('/*') || match.startsWith('//') ? ' ' : match),
  )
}

function offences(files: readonly SourceFile[], find: (file: SourceFile) => string[]): string[] {
  return files.flatMap(file => find(file).map(offence => `${file.path}: ${offence}`))
}

function none(found: readonly string[], rule: string): void {
  assert.equal(found.length, 0, `${rule}\n  ${found.join('\n  ')}\n`)
}

test('the test sees the source files it speaks of', () => {
  for (const folder of ['contract', 'broker', 'geofence-engine', 'bridge', 'cli']) {
    assert.ok(
      OURS.some(file => file.folder === folder),
      `no source files found in ${folder}/`,
    )
  }
  assert.deepEqual(
    importsOf("import a from './a.ts' // from './b.ts'\nexport type { C } from '../c.ts'\nawait import('./d.ts')"),
    ['./a.ts', '../c.ts', './d.ts'],
  )
})

test('folders import only what the import table allows', () => {
  const found = offences(OURS, ({ path, folder, text }) =>
    importsOf(text)
      .filter(specifier => specifier.startsWith('.'))
      .map(specifier => join(dirname(path), specifier).split(sep).join('/'))
      .filter(target => {
        const other = target.split('/', 1)[0]!
        return other !== folder && other !== 'package.json' && !MAY_IMPORT[folder]!.includes(other)
      })
      .map(target => `imports ${target}`),
  )
  none(found, 'A folder imports one that it may not know (see MAY_IMPORT in this test):')
})

test('other folders are imported by their front door alone', () => {
  const found = offences(OURS, ({ path, folder, text }) =>
    importsOf(text)
      .filter(specifier => specifier.startsWith('.'))
      .map(specifier => join(dirname(path), specifier).split(sep).join('/'))
      .filter(target => {
        const [other = '', ...rest] = target.split('/')
        return other !== folder && other in MAY_IMPORT && rest.join('/') !== FRONT_DOOR
      })
      .map(target => `imports ${target}; import ${target.split('/', 1)[0]}/${FRONT_DOOR}`),
  )
  none(found, 'Folders see each other only by their index.ts:')
})

test('relative imports carry the .ts extension', () => {
  const found = offences(OURS, ({ text }) =>
    importsOf(text)
      .filter(
        specifier => specifier.startsWith('.') && !/\.(tsx?|json|css|svg|png|geojson|js)(\?[\w&]+)?$/.test(specifier),
      )
      .map(specifier => `imports ${specifier}`),
  )
  none(found, 'Relative imports name the file:')
})

test('only cli/ speaks to the process: environment, exit, signals', () => {
  const files = OURS.filter(({ folder, path }) => folder !== 'cli' && !path.endsWith('.config.ts'))
  const found = offences(files, ({ text }) =>
    [...withoutComments(text).matchAll(/\bprocess\.(env|exit|exitCode|on|once|kill)\b/g)].map(([match]) => match),
  )
  none(found, 'Settings and signals arrive as arguments; only cli/ reads them:')
})

test('topics are built and parsed by the contract alone', () => {
  const looksLikeTopic =
    /['"`](?:[^'"`\n]*\/)?(?:devices|users|fences|notifications|presence|sos)\/[^'"`\n]*\/?(?:location|last|status|errors|acknowledge|resolve|enter|exit|triggered|\+|#)['"`]/g
  const files = OURS.filter(({ folder }) => folder !== 'contract' && folder !== 'web-client')
  const found = offences(files, ({ text }) =>
    [...withoutComments(text).matchAll(looksLikeTopic)]
      .map(([match]) => match)
      // Paths of the HTTP API, files and modules are no topics.
      .filter(match => !/^['"`](\/|\.|api\/)/.test(match) && !/\.tsx?['"`]$/.test(match)),
  )
  none(found, 'Use buildTopic, buildFilter and parseTopic of the contract instead of topic literals:')
})

test('no file or folder has a name that says nothing', () => {
  const found = FILES.filter(({ path }) =>
    path.split('/').some(part => NO_NAMES.has(part.replace(/(\.test)?\.tsx?$/, ''))),
  )
  none(
    found.map(({ path }) => path),
    'Name what the file knows:',
  )
})

test('only erasable syntax: no enums, namespaces or parameter properties', () => {
  const found = offences(OURS, ({ text, path }) =>
    path.endsWith('.d.ts')
      ? []
      : [...withoutComments(text).matchAll(/^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace)\s+\w+/gm)].map(
          ([match]) => match.trim(),
        ),
  )
  none(found, 'The sources must run with their types erased:')
})

// How much of the SDK ends up in an app: each entry bundled and minified as an app's bundler would, then gzip. `npm run size`.
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

const at = path => fileURLToPath(new URL(`../dist/web-client/${path}`, import.meta.url))
const sdk = at('sdk/index.js')
const react = at('react/index.js')

const ENTRIES = {
  'trackwire/sdk, all of it': `export * from '${sdk}'`,
  'trackwire/sdk, RealtimeClient': `export { RealtimeClient } from '${sdk}'`,
  'trackwire/sdk, RealtimeClient and devicesOf': `export { RealtimeClient, devicesOf } from '${sdk}'`,
  'trackwire/react, all of it with the SDK': `export * from '${react}'`,
  'trackwire/react, useVehicleTracking with the SDK': `export { useVehicleTracking } from '${react}'`,
  'for comparison: the package mqtt': `import mqtt from 'mqtt'; export const { connect } = mqtt`,
}

const ID = 'virtual:entry'
for (const [name, code] of Object.entries(ENTRIES)) {
  const entry = {
    name: 'entry',
    resolveId: id => (id === ID ? `\0${ID}` : undefined),
    load: id => (id === `\0${ID}` ? code : undefined),
  }
  const { output } = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [entry],
    build: {
      write: false,
      minify: true,
      rolldownOptions: {
        input: ID,
        external: ['react', 'react/jsx-runtime'],
        preserveEntrySignatures: 'strict',
        output: { codeSplitting: false },
      },
    },
  })
  const text = output.map(({ code: part = '' }) => part).join('')
  const kB = bytes => `${(bytes / 1_000).toFixed(1)} kB`.padStart(9)
  console.log(`${name.padEnd(50)} ${kB(text.length)} ${kB(gzipSync(text, { level: 9 }).length)} gzip`)
}

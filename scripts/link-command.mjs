// npm links the commands of dependencies, not the package's own: without this, "npx trackwire" in a clone asks the registry.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))
const link = `${folder}/trackwire`
try {
  mkdirSync(folder, { recursive: true })
  rmSync(link, { force: true })
  symlinkSync('../../bin/trackwire.js', link)
} catch (error) {
  // Where links are not allowed, "node bin/trackwire.js" does the same.
  console.warn(`could not link the trackwire command: ${error.message}`)
}

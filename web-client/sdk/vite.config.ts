import { join } from 'node:path'
import { defineConfig } from 'vite'

/** The SDK as one file, for pages without a bundler; the platform serves it at `/sdk/trackwire.js`. */
export default defineConfig({
  build: {
    outDir: join(import.meta.dirname, '../../dist/dashboard/sdk'),
    emptyOutDir: true,
    copyPublicDir: false,
    target: 'es2022',
    rolldownOptions: {
      input: join(import.meta.dirname, 'index.ts'),
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'trackwire.js', codeSplitting: false },
    },
  },
})

import { join } from 'node:path'
import { defineConfig } from 'vite'

/** The SDK as one file, for pages without a bundler; the platform serves it at `/sdk/trackwire.js`. */
export default defineConfig({
  build: {
    lib: { entry: join(import.meta.dirname, 'index.ts'), formats: ['es'], fileName: 'trackwire' },
    outDir: join(import.meta.dirname, '../../dist/dashboard/sdk'),
    emptyOutDir: true,
    copyPublicDir: false,
    minify: true,
    target: 'es2022',
  },
})

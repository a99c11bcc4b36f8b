import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { precompress } from './precompress.ts'

/** Where the development server (`npx vite --config web-client/dashboard/vite.config.ts`) finds a running platform. */
const PLATFORM = 'http://127.0.0.1:8080'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), precompress()],
  server: { proxy: { '/api': PLATFORM, '/mqtt': { target: PLATFORM, ws: true } } },
  worker: { format: 'es' },
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: ['chrome123', 'safari17.5', 'firefox120'],
    // The map library alone is over the default of 500 kB; it is one chunk of its own.
    chunkSizeWarningLimit: 1_200,
    assetsInlineLimit: 0,
    rolldownOptions: {
      // The dashboard, the page that takes claim codes, and the page of a share link.
      input: ['index.html', 'claim.html', 'share.html'].map(page => join(import.meta.dirname, page)),
      // Compressing takes most of the build, and is meant to.
      checks: { pluginTimings: false },
      treeshake: {
        // The contract's front door also offers validators. Nothing here calls them: their compiler stays out.
        moduleSideEffects: id => !/node_modules\/typebox\/|\/contract\//.test(id),
      },
    },
  },
})

import { defineConfig } from 'vite'

/** Any server of files will do for this page; this one is here already. */
export default defineConfig({ root: import.meta.dirname, server: { port: 5173, strictPort: true } })

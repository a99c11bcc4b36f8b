import { PUBLIC } from '../access.ts'
import { publicProblems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

/** What a browser must know before anyone logs in. */
export function configRoutes(
  app: Api,
  {
    version,
    mapTileUrl,
    mqttPort = () => null,
  }: { version: string; mapTileUrl?: string | undefined; mqttPort?: (() => number | null) | undefined },
): void {
  app.get(
    '/api/v1/config',
    {
      config: { access: PUBLIC },
      schema: {
        operationId: 'getConfig',
        summary: 'What the dashboard must know before anyone logs in',
        tags: ['operations'],
        security: [],
        response: {
          200: {
            type: 'object',
            description: 'Public configuration',
            required: ['version', 'mapTileUrl', 'mqttPath', 'mqttPort'],
            properties: {
              version: { type: 'string' },
              mapTileUrl: { anyOf: [{ type: 'string' }, { type: 'null' }], description: 'Raster tiles, {z}/{x}/{y}' },
              mqttPath: { type: 'string', description: 'Path of MQTT over WebSocket on this host' },
              mqttPort: {
                anyOf: [{ type: 'integer' }, { type: 'null' }],
                description: 'Port of MQTT over TCP, without TLS, on this host; null when it is off',
              },
            },
          },
          ...publicProblems(),
        },
      },
    },
    async () => ({ version, mapTileUrl: mapTileUrl ?? null, mqttPath: '/mqtt', mqttPort: mqttPort() }),
  )
}

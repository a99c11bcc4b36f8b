import { completeIncidentSettings, DEFAULT_INCIDENT_SETTINGS, IncidentSettings } from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { ADMINS, DISPATCHERS, principalOf } from '../access.ts'
import { actOf } from '../act.ts'
import { problems } from '../problem.ts'
import type { Api } from '../schema-checks.ts'

const InForce = { ...IncidentSettings, description: 'What is in force, defaults filled in' }

/** How an organisation's alerts are looked after. */
export function incidentSettingsRoutes(app: Api, { ingest }: { ingest: Ingest }): void {
  app.get(
    '/api/v1/incident-settings',
    {
      config: { access: DISPATCHERS },
      schema: {
        operationId: 'getIncidentSettings',
        summary: 'Cooldowns, minimum durations and what counts as a storm',
        tags: ['incidents'],
        response: { 200: InForce, ...problems() },
      },
    },
    async request => ingest.incidentSettings(principalOf(request).org),
  )

  app.put(
    '/api/v1/incident-settings',
    {
      config: { access: ADMINS },
      schema: {
        operationId: 'putIncidentSettings',
        summary: 'Replace them; whatever is left out has its default',
        description: `They count from the next event. Defaults: \`${JSON.stringify(DEFAULT_INCIDENT_SETTINGS)}\``,
        tags: ['incidents'],
        body: IncidentSettings,
        response: { 200: InForce, ...problems('payload_invalid', 'shutting_down') },
      },
    },
    async request => {
      const act = actOf(request, 'incident-settings.put', 'incident-settings', request.body)
      await ingest.setIncidentSettings(act.org, request.body, act)
      return completeIncidentSettings(request.body)
    },
  )
}

/** Who the audit log says it was when somebody with a shell on the machine changed something. */
export const CLI_ACTOR = 'trackwire-cli'

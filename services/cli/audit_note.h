/* What the command line itself changes, as lines of the audit log. */
#ifndef VU_CLI_AUDIT_NOTE_H
#define VU_CLI_AUDIT_NOTE_H

/*
 * Appends a line unless security.audit is off. The change has happened by then,
 * so a failure is said on standard error and stops nothing.
 */
void cli_audit_note(const char *event, const char *reason);

#endif

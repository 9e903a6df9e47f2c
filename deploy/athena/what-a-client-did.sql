-- What all sessions of a client did: a row an operation. The client id is the sessions' SourceIdentity (a hash for clients of
-- another issuer than COGNITO_ISSUER: the audit line's session shows it).
SELECT
  eventsource,
  eventname,
  count(*) AS calls,
  sum(CASE WHEN errorcode IS NULL THEN 0 ELSE 1 END) AS refused,
  count(DISTINCT useridentity.accesskeyid) AS sessions,
  max(eventtime) AS last_call
FROM cloudtrail_logs
WHERE useridentity.sessioncontext.sourceidentity = '<client id>'
  AND eventtime >= '<from, as 2026-11-19T00:00:00Z>'
GROUP BY eventsource, eventname
ORDER BY calls DESC

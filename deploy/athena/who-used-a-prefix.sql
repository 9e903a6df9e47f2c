-- Who read, wrote or deleted below a prefix: a row a session and operation.
SELECT
  useridentity.arn AS session_arn,
  useridentity.accesskeyid AS access_key_id,
  eventname,
  count(*) AS calls,
  sum(CASE WHEN errorcode IS NULL THEN 0 ELSE 1 END) AS refused,
  min(eventtime) AS first_call,
  max(eventtime) AS last_call
FROM cloudtrail_logs
WHERE eventsource = 's3.amazonaws.com'
  AND json_extract_scalar(requestparameters, '$.bucketName') = '<bucket>'
  AND json_extract_scalar(requestparameters, '$.key') LIKE '<prefix>%'
  AND eventtime >= '<from, as 2026-11-19T00:00:00Z>'
GROUP BY useridentity.arn, useridentity.accesskeyid, eventname
ORDER BY last_call DESC

-- What one access key did, call by call. For a session's name: useridentity.arn LIKE '%/<session>'.
SELECT
  eventtime,
  eventsource,
  eventname,
  errorcode,
  sourceipaddress,
  json_extract_scalar(requestparameters, '$.bucketName') AS bucket,
  json_extract_scalar(requestparameters, '$.key') AS object_key
FROM cloudtrail_logs
WHERE useridentity.accesskeyid = '<access key>'
  AND eventtime >= '<from, as 2026-11-19T00:00:00Z>'
ORDER BY eventtime

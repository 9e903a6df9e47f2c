"""Athena under Lake Formation: moto keeps workgroups, the Glue catalogue and the grants; here queries run and are refused."""

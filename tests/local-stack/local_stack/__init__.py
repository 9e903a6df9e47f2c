"""AWS and Cognito on loopback: moto in this process, and a thin layer for the rules that moto lacks."""

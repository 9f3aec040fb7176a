<#
.SYNOPSIS
    KalshiProto on Windows: .\run.ps1 demo|run|test. The same as make on other systems.
.DESCRIPTION
    demo  the service on the embedded simulated exchange; no network, no account
    run   the service on Kalshi's public data, paper mode
    test  all tests
    Sets up .venv first, if that is missing or the requirements have changed. Settings come from the
    environment or .env. If Windows refuses to run scripts:
    powershell -ExecutionPolicy Bypass -File run.ps1 demo
#>
param(
    [Parameter(Position = 0)]
    [ValidateSet('demo', 'run', 'test')]
    [string] $Task = 'demo',
    [int] $Port = 8000,
    [string] $BindAddress = '127.0.0.1',
    [string] $Python = 'python'
)

$ErrorActionPreference = 'Stop'
Set-Location -Path $PSScriptRoot

# The demo polls fast and trades on every signal, whatever it costs: small orders show the same.
# It trades until just before a close, for whoever starts it then wants to see something, too.
$Demo = [ordered]@{
    KALSHI_ENV                 = 'sim'
    BOT_INTERVAL               = '2'
    BOT_MIN_EDGE               = '-100'
    BOT_ORDER_SIZE             = '10'
    RISK_DAILY_LOSS_STOP       = '5000'
    RISK_DRAWDOWN_HALT         = '5000'
    RISK_MAX_ORDERS_PER_MINUTE = '100'
    RISK_MIN_SECONDS_TO_CLOSE  = '20'
    BOT_EXIT_BEFORE_CLOSE      = '10'
}

function Assert-Success([string] $What) {
    if ($LASTEXITCODE -ne 0) {
        throw "$What failed (exit code $LASTEXITCODE)"
    }
}

function Install-Requirement([string] $Requirements) {
    $venv = Join-Path $PSScriptRoot '.venv'
    $script:VenvPython = Join-Path $venv 'Scripts\python.exe'
    $stamp = Join-Path $venv ".$Requirements"
    if (-not (Test-Path $script:VenvPython)) {
        & $Python -m venv $venv
        Assert-Success 'python -m venv'
    }
    # Tests need what the service needs as well: both files count.
    $changed = (Get-Item 'requirements*.txt' | Measure-Object -Property LastWriteTime -Maximum).Maximum
    if ((Test-Path $stamp) -and (Get-Item $stamp).LastWriteTime -ge $changed) {
        return
    }
    & $script:VenvPython -m pip install --quiet --disable-pip-version-check -r $Requirements
    Assert-Success 'pip install'
    New-Item -ItemType File -Path $stamp -Force | Out-Null
}

switch ($Task) {
    'test' {
        Install-Requirement 'requirements-dev.txt'
        & $script:VenvPython -m pytest -n 2
    }
    default {
        Install-Requirement 'requirements.txt'
        if ($Task -eq 'demo') {
            foreach ($name in $Demo.Keys) {
                # What was set before goes first, except where the demo runs.
                if ($name -eq 'KALSHI_ENV' -or -not (Test-Path "Env:$name")) {
                    Set-Item -Path "Env:$name" -Value $Demo[$name]
                }
            }
        }
        & $script:VenvPython -m uvicorn main:app --host $BindAddress --port $Port --no-use-colors
    }
}
exit $LASTEXITCODE

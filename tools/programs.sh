#!/usr/bin/env bash
# Programs of Debian that some tests drive: a browser, a PACS, a DICOM validator.
#
# Installed where this runs as root and apt is there; elsewhere those tests skip and say what to
# install (and fail where CI=true). Nothing is asked for that is there already.
set -euo pipefail

packages=(chromium orthanc orthanc-dicomweb dicom3tools)

missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ] || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  exit 0
fi
printf 'programs: apt installs %s\n' "${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null; then
  echo "programs: apt could not install them; tests that need them say so" >&2
fi
# Debian starts an Orthanc of its own when it is installed; tests start theirs.
if [[ " ${missing[*]} " == *" orthanc "* ]] && command -v service >/dev/null; then
  service orthanc stop >/dev/null 2>&1 || true
fi

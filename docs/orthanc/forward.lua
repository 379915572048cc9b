-- Forwards each series to lumbar once it has arrived, and no report: else lumbar's own would come back.
function OnStableSeries(seriesId, tags, metadata)
   if tags['Modality'] ~= 'SR' then
      RestApiPost('/dicom-web/servers/lumbar/stow',
                  DumpJson({ Resources = { seriesId }, Synchronous = false }, true))
   end
end

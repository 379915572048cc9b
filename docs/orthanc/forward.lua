-- Forwards each study to lumbar once nothing more of it has come for StableAge seconds: all of its
-- pictures together, for a study in pieces would be graded in pieces. Reports (SR) stay here: lumbar's
-- own would come back. One that arrives makes the study stable once more, so what was forwarded is
-- noted with the study (UserMetadata in orthanc.json), and the same pictures are not sent again.
function OnStableStudy(studyId, tags, metadata)
   local pictures, found = {}, {}
   for _, series in ipairs(ParseJson(RestApiGet('/studies/' .. studyId .. '/series'))) do
      if series['MainDicomTags']['Modality'] ~= 'SR' then
         table.insert(pictures, series['ID'])
         table.insert(found, series['ID'] .. ':' .. #series['Instances'])
      end
   end
   table.sort(found)
   local now = table.concat(found, ' ')
   if #pictures == 0 or metadata['ForwardedToLumbar'] == now then
      return
   end
   RestApiPost('/dicom-web/servers/lumbar/stow',
               DumpJson({ Resources = pictures, Synchronous = false }, true))
   RestApiPut('/studies/' .. studyId .. '/metadata/ForwardedToLumbar', now)
end

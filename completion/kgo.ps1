# powershell completion for kgo                                  -*- shell-script -*-

function __kgo_debug {
    if ($env:BASH_COMP_DEBUG_FILE) {
        "$args" | Out-File -Append -FilePath "$env:BASH_COMP_DEBUG_FILE"
    }
}

filter __kgo_escapeStringWithSpecialChars {
    $_ -replace '\s|#|@|\$|;|,|''|\{|\}|\(|\)|"|`|\||<|>|&','`$&'
}

[scriptblock]${__kgoCompleterBlock} = {
    param(
            $WordToComplete,
            $CommandAst,
            $CursorPosition
        )

    # Get the current command line and convert into a string
    $Command = $CommandAst.CommandElements
    $Command = "$Command"

    __kgo_debug ""
    __kgo_debug "========= starting completion logic =========="
    __kgo_debug "WordToComplete: $WordToComplete Command: $Command CursorPosition: $CursorPosition"

    # The user could have moved the cursor backwards on the command-line.
    # We need to trigger completion from the $CursorPosition location, so we need
    # to truncate the command-line ($Command) up to the $CursorPosition location.
    # Make sure the $Command is longer then the $CursorPosition before we truncate.
    # This happens because the $Command does not include the last space.
    if ($Command.Length -gt $CursorPosition) {
        $Command=$Command.Substring(0,$CursorPosition)
    }
    __kgo_debug "Truncated command: $Command"

    $ShellCompDirectiveError=1
    $ShellCompDirectiveNoSpace=2
    $ShellCompDirectiveNoFileComp=4
    $ShellCompDirectiveFilterFileExt=8
    $ShellCompDirectiveFilterDirs=16
    $ShellCompDirectiveKeepOrder=32

    # Prepare the command to request completions for the program.
    # Split the command at the first space to separate the program and arguments.
    $Program,$Arguments = $Command.Split(" ",2)

    # A tool under the name of Kafka's script is kgo's.
    $Script = ($Program -split '[\\/]')[-1] -replace '\.(sh|bat|exe)$', ''
    if ($Script -match '^(kafka|connect|zookeeper)-') {
        $Program = 'kgo'
        $Arguments = ($Script -replace '^kafka-', '') + ' ' + $Arguments
    }

    $RequestComp="$Program __complete $Arguments"
    __kgo_debug "RequestComp: $RequestComp"

    # we cannot use $WordToComplete because it
    # has the wrong values if the cursor was moved
    # so use the last argument
    if ($WordToComplete -ne "" ) {
        $WordToComplete = $Arguments.Split(" ")[-1]
    }
    __kgo_debug "New WordToComplete: $WordToComplete"


    # Check for flag with equal sign
    $IsEqualFlag = ($WordToComplete -Like "--*=*" )
    if ( $IsEqualFlag ) {
        __kgo_debug "Completing equal sign flag"
        # Remove the flag part
        $Flag,$WordToComplete = $WordToComplete.Split("=",2)
    }

    if ( $WordToComplete -eq "" -And ( -Not $IsEqualFlag )) {
        # If the last parameter is complete (there is a space following it)
        # We add an extra empty parameter so we can indicate this to the go method.
        __kgo_debug "Adding extra empty parameter"
        # PowerShell 7.2+ changed the way how the arguments are passed to executables,
        # so for pre-7.2 or when Legacy argument passing is enabled we need to use
        # `"`" to pass an empty argument, a "" or '' does not work!!!
        if ($PSVersionTable.PsVersion -lt [version]'7.2.0' -or
            ($PSVersionTable.PsVersion -lt [version]'7.3.0' -and -not [ExperimentalFeature]::IsEnabled("PSNativeCommandArgumentPassing")) -or
            (($PSVersionTable.PsVersion -ge [version]'7.3.0' -or [ExperimentalFeature]::IsEnabled("PSNativeCommandArgumentPassing")) -and
              $PSNativeCommandArgumentPassing -eq 'Legacy')) {
             $RequestComp="$RequestComp" + ' `"`"'
        } else {
             $RequestComp="$RequestComp" + ' ""'
        }
    }

    __kgo_debug "Calling $RequestComp"
    # First disable ActiveHelp which is not supported for Powershell
    ${env:KGO_ACTIVE_HELP}=0

    #call the command store the output in $out and redirect stderr and stdout to null
    # $Out is an array contains each line per element
    Invoke-Expression -OutVariable out "$RequestComp" 2>&1 | Out-Null

    # get directive from last line
    [int]$Directive = $Out[-1].TrimStart(':')
    if ($Directive -eq "") {
        # There is no directive specified
        $Directive = 0
    }
    __kgo_debug "The completion directive is: $Directive"

    # remove directive (last element) from out
    $Out = $Out | Where-Object { $_ -ne $Out[-1] }
    __kgo_debug "The completions are: $Out"

    if (($Directive -band $ShellCompDirectiveError) -ne 0 ) {
        # Error code.  No completion.
        __kgo_debug "Received error from custom completion go code"
        return
    }

    $Longest = 0
    [Array]$Values = $Out | ForEach-Object {
        #Split the output in name and description
        $Name, $Description = $_.Split("`t",2)
        __kgo_debug "Name: $Name Description: $Description"

        # Look for the longest completion so that we can format things nicely
        if ($Longest -lt $Name.Length) {
            $Longest = $Name.Length
        }

        # Set the description to a one space string if there is none set.
        # This is needed because the CompletionResult does not accept an empty string as argument
        if (-Not $Description) {
            $Description = " "
        }
        New-Object -TypeName PSCustomObject -Property @{
            Name = "$Name"
            Description = "$Description"
        }
    }


    $Space = " "
    if (($Directive -band $ShellCompDirectiveNoSpace) -ne 0 ) {
        # remove the space here
        __kgo_debug "ShellCompDirectiveNoSpace is called"
        $Space = ""
    }

    if ((($Directive -band $ShellCompDirectiveFilterFileExt) -ne 0 ) -or
       (($Directive -band $ShellCompDirectiveFilterDirs) -ne 0 ))  {
        __kgo_debug "ShellCompDirectiveFilterFileExt ShellCompDirectiveFilterDirs are not supported"

        # return here to prevent the completion of the extensions
        return
    }

    $Values = $Values | Where-Object {
        # filter the result
        $_.Name -like "$WordToComplete*"

        # Join the flag back if we have an equal sign flag
        if ( $IsEqualFlag ) {
            __kgo_debug "Join the equal sign flag back to the completion value"
            $_.Name = $Flag + "=" + $_.Name
        }
    }

    # we sort the values in ascending order by name if keep order isn't passed
    if (($Directive -band $ShellCompDirectiveKeepOrder) -eq 0 ) {
        $Values = $Values | Sort-Object -Property Name
    }

    if (($Directive -band $ShellCompDirectiveNoFileComp) -ne 0 ) {
        __kgo_debug "ShellCompDirectiveNoFileComp is called"

        if ($Values.Length -eq 0) {
            # Just print an empty string here so the
            # shell does not start to complete paths.
            # We cannot use CompletionResult here because
            # it does not accept an empty string as argument.
            ""
            return
        }
    }

    # Get the current mode
    $Mode = (Get-PSReadLineKeyHandler | Where-Object {$_.Key -eq "Tab" }).Function
    __kgo_debug "Mode: $Mode"

    $Values | ForEach-Object {

        # store temporary because switch will overwrite $_
        $comp = $_

        # PowerShell supports three different completion modes
        # - TabCompleteNext (default windows style - on each key press the next option is displayed)
        # - Complete (works like bash)
        # - MenuComplete (works like zsh)
        # You set the mode with Set-PSReadLineKeyHandler -Key Tab -Function <mode>

        # CompletionResult Arguments:
        # 1) CompletionText text to be used as the auto completion result
        # 2) ListItemText   text to be displayed in the suggestion list
        # 3) ResultType     type of completion result
        # 4) ToolTip        text for the tooltip with details about the object

        switch ($Mode) {

            # bash like
            "Complete" {

                if ($Values.Length -eq 1) {
                    __kgo_debug "Only one completion left"

                    # insert space after value
                    $CompletionText = $($comp.Name | __kgo_escapeStringWithSpecialChars) + $Space
                    if ($ExecutionContext.SessionState.LanguageMode -eq "FullLanguage"){
                        [System.Management.Automation.CompletionResult]::new($CompletionText, "$($comp.Name)", 'ParameterValue', "$($comp.Description)")
                    } else {
                        $CompletionText
                    }

                } else {
                    # Add the proper number of spaces to align the descriptions
                    while($comp.Name.Length -lt $Longest) {
                        $comp.Name = $comp.Name + " "
                    }

                    # Check for empty description and only add parentheses if needed
                    if ($($comp.Description) -eq " " ) {
                        $Description = ""
                    } else {
                        $Description = "  ($($comp.Description))"
                    }

                    $CompletionText = "$($comp.Name)$Description"
                    if ($ExecutionContext.SessionState.LanguageMode -eq "FullLanguage"){
                        [System.Management.Automation.CompletionResult]::new($CompletionText, "$($comp.Name)$Description", 'ParameterValue', "$($comp.Description)")
                    } else {
                        $CompletionText
                    }
                }
             }

            # zsh like
            "MenuComplete" {
                # insert space after value
                # MenuComplete will automatically show the ToolTip of
                # the highlighted value at the bottom of the suggestions.

                $CompletionText = $($comp.Name | __kgo_escapeStringWithSpecialChars) + $Space
                if ($ExecutionContext.SessionState.LanguageMode -eq "FullLanguage"){
                    [System.Management.Automation.CompletionResult]::new($CompletionText, "$($comp.Name)", 'ParameterValue', "$($comp.Description)")
                } else {
                    $CompletionText
                }
            }

            # TabCompleteNext and in case we get something unknown
            Default {
                # Like MenuComplete but we don't want to add a space here because
                # the user need to press space anyway to get the completion.
                # Description will not be shown because that's not possible with TabCompleteNext

                $CompletionText = $($comp.Name | __kgo_escapeStringWithSpecialChars)
                if ($ExecutionContext.SessionState.LanguageMode -eq "FullLanguage"){
                    [System.Management.Automation.CompletionResult]::new($CompletionText, "$($comp.Name)", 'ParameterValue', "$($comp.Description)")
                } else {
                    $CompletionText
                }
            }
        }

    }
}

Register-ArgumentCompleter -CommandName 'kgo', 'connect-distributed', 'connect-distributed.bat', 'connect-distributed.sh', 'connect-mirror-maker', 'connect-mirror-maker.bat', 'connect-mirror-maker.sh', 'connect-plugin-path', 'connect-plugin-path.bat', 'connect-plugin-path.sh', 'connect-standalone', 'connect-standalone.bat', 'connect-standalone.sh', 'kafka-acls', 'kafka-acls.bat', 'kafka-acls.sh', 'kafka-broker-api-versions', 'kafka-broker-api-versions.bat', 'kafka-broker-api-versions.sh', 'kafka-client-metrics', 'kafka-client-metrics.bat', 'kafka-client-metrics.sh', 'kafka-cluster', 'kafka-cluster.bat', 'kafka-cluster.sh', 'kafka-configs', 'kafka-configs.bat', 'kafka-configs.sh', 'kafka-console-consumer', 'kafka-console-consumer.bat', 'kafka-console-consumer.sh', 'kafka-console-producer', 'kafka-console-producer.bat', 'kafka-console-producer.sh', 'kafka-console-share-consumer', 'kafka-console-share-consumer.bat', 'kafka-console-share-consumer.sh', 'kafka-consumer-groups', 'kafka-consumer-groups.bat', 'kafka-consumer-groups.sh', 'kafka-consumer-perf-test', 'kafka-consumer-perf-test.bat', 'kafka-consumer-perf-test.sh', 'kafka-delegation-tokens', 'kafka-delegation-tokens.bat', 'kafka-delegation-tokens.sh', 'kafka-delete-records', 'kafka-delete-records.bat', 'kafka-delete-records.sh', 'kafka-dump-log', 'kafka-dump-log.bat', 'kafka-dump-log.sh', 'kafka-e2e-latency', 'kafka-e2e-latency.bat', 'kafka-e2e-latency.sh', 'kafka-features', 'kafka-features.bat', 'kafka-features.sh', 'kafka-get-offsets', 'kafka-get-offsets.bat', 'kafka-get-offsets.sh', 'kafka-groups', 'kafka-groups.bat', 'kafka-groups.sh', 'kafka-jmx', 'kafka-jmx.bat', 'kafka-jmx.sh', 'kafka-leader-election', 'kafka-leader-election.bat', 'kafka-leader-election.sh', 'kafka-log-dirs', 'kafka-log-dirs.bat', 'kafka-log-dirs.sh', 'kafka-metadata-quorum', 'kafka-metadata-quorum.bat', 'kafka-metadata-quorum.sh', 'kafka-metadata-shell', 'kafka-metadata-shell.bat', 'kafka-metadata-shell.sh', 'kafka-producer-perf-test', 'kafka-producer-perf-test.bat', 'kafka-producer-perf-test.sh', 'kafka-reassign-partitions', 'kafka-reassign-partitions.bat', 'kafka-reassign-partitions.sh', 'kafka-replica-verification', 'kafka-replica-verification.bat', 'kafka-replica-verification.sh', 'kafka-run-class', 'kafka-run-class.bat', 'kafka-run-class.sh', 'kafka-server-start', 'kafka-server-start.bat', 'kafka-server-start.sh', 'kafka-server-stop', 'kafka-server-stop.bat', 'kafka-server-stop.sh', 'kafka-share-consumer-perf-test', 'kafka-share-consumer-perf-test.bat', 'kafka-share-consumer-perf-test.sh', 'kafka-share-groups', 'kafka-share-groups.bat', 'kafka-share-groups.sh', 'kafka-storage', 'kafka-storage.bat', 'kafka-storage.sh', 'kafka-streams-application-reset', 'kafka-streams-application-reset.bat', 'kafka-streams-application-reset.sh', 'kafka-streams-groups', 'kafka-streams-groups.bat', 'kafka-streams-groups.sh', 'kafka-topics', 'kafka-topics.bat', 'kafka-topics.sh', 'kafka-transactions', 'kafka-transactions.bat', 'kafka-transactions.sh', 'kafka-verifiable-consumer', 'kafka-verifiable-consumer.bat', 'kafka-verifiable-consumer.sh', 'kafka-verifiable-producer', 'kafka-verifiable-producer.bat', 'kafka-verifiable-producer.sh', 'kafka-verifiable-share-consumer', 'kafka-verifiable-share-consumer.bat', 'kafka-verifiable-share-consumer.sh', 'trogdor', 'trogdor.bat', 'trogdor.sh', 'zookeeper-server-start', 'zookeeper-server-start.bat', 'zookeeper-server-start.sh', 'zookeeper-server-stop', 'zookeeper-server-stop.bat', 'zookeeper-server-stop.sh', 'zookeeper-shell', 'zookeeper-shell.bat', 'zookeeper-shell.sh' -ScriptBlock ${__kgoCompleterBlock}

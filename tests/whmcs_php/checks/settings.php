<?php
// settings.php as people break it: nothing dies of it, nothing is billed by what was not meant, and it is said.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Module\Server\Whmeter\Settings;
use WHMCS\Module\Server\Whmeter\Transient;

$file = getenv('WHMCS_ROOT') . '/modules/servers/whmeter/settings.php';

/** Lets the module read a settings file of this text. */
function settings(string $text): void
{
    file_put_contents(getenv('WHMCS_ROOT') . '/modules/servers/whmeter/settings.php', $text);
    (new ReflectionProperty(Settings::class, 'read'))->setValue(null, null);
    (new ReflectionProperty(Settings::class, 'trouble'))->setValue(null, null);
    $GLOBALS['module_log'] = $GLOBALS['activity'] = WHMCS\Database\Capsule::$tables['tblconfiguration'] = [];
}

$good = "<?php\n\ndeclare(strict_types=1);\n\nreturn ['unit' => 'TB'];\n";

checks([
    'a good one is read' => static function () use ($good): void {
        settings($good);
        same([null, 'TB'], [Settings::trouble(), Settings::unit()], 'unit');
        settings("<?php return [];");
        same([null, 'GB'], [Settings::trouble(), Settings::unit()], 'nothing set');
    },
    'a broken one is said, and no usage is handed over' => static function () use ($good): void {
        $broken = [
            "\xef\xbb\xbf$good" => 'byte order mark',
            "\n$good" => 'byte order mark',
            "<?php return ['unit' => 'TB'" => 'line 1',
            "<?php return 7;" => 'no array',
            "<?php throw new Exception('oh');" => 'oh',
            "<?php return ['unit' => 'TiB'];" => 'unit is none of',
            "<?php return ['unit' => UNKNOWN];" => 'UNKNOWN',
        ];
        foreach ($broken as $text => $said) {
            settings($text);
            holds(str_contains((string) Settings::trouble(), $said), "$said: " . Settings::trouble());
            same([], whmeter_MetricProvider(entry())->usage(), 'usage');
            same(5, count(whmeter_MetricProvider(entry())->metrics()), 'metrics are there all the same');
            $tried = whmeter_TestConnection(entry());
            holds(!$tried['success'] && str_contains(html_entity_decode($tried['error'], ENT_QUOTES), $said), json_encode($tried));
            same(1, count($GLOBALS['activity']), 'the Activity Log is told once');
            holds(str_contains($GLOBALS['activity'][0], $said), $GLOBALS['activity'][0]);
            run_hook('AfterCronJob');
        }
    },
    'what it prints goes nowhere' => static function (): void {
        settings("<?php echo 'hello'; return ['unit' => 'MB'];");
        same('MB', Settings::unit(), 'unit');
    },
    'a metric is named by the unit in force' => static function () use ($good): void {
        settings($good);
        $metrics = whmeter_MetricProvider([])->metrics();
        same(['Disk space (TB-months)', 'TB'], [$metrics['disk_gb_month']->displayName(), $metrics['disk']->units()->suffix()], 'unit');
    },
    'a unit that no metric has leaves the page of products alone' => static function (): void {
        settings("<?php return ['unit' => 'GB'];");
        (new ReflectionProperty(Settings::class, 'read'))->setValue(null, ['unit' => 'XB']);
        same([], whmeter_MetricProvider([])->metrics(), 'none');
        same(1, count($GLOBALS['module_log']), 'and it is logged');
        settings("<?php return [];");
    },
    'figures of our own products for overage billing can be switched off' => static function (): void {
        settings("<?php return ['own_overage' => false];");
        whmeter_UsageUpdate(entry());
        same([], $GLOBALS['module_log'], 'nobody is asked');
        settings("<?php return [];");
        whmeter_UsageUpdate(entry());
        same(1, count($GLOBALS['module_log']), 'somebody is asked, who is not there');
    },
    'without transient data nothing is kept, and nothing fails' => static function (): void {
        same(null, Transient::find('never'), 'nothing');
    },
]);
unlink($file);

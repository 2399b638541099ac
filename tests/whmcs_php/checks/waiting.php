<?php
// A whmeter that is slow, away, or counts in another unit: nobody waits long or twice, and nothing is billed by it.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\TransientData;

/** Seconds that something takes. */
function took(callable $work): float
{
    $began = microtime(true);
    $work();
    return microtime(true) - $began;
}

/** What was asked since the last look. */
function questions(): array
{
    $told = file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . '/asked');
    return array_column(json_decode($told, true, 8, JSON_THROW_ON_ERROR), 'path');
}

$answering = static function (string $answer): void {
    putenv("WHMETER_TOKEN=answer-$answer-0123456789");
    Capsule::$tables['tblservers'][0]['accesshash'] = "answer-$answer-0123456789";
};
$service = static fn () => entry() + ['serviceid' => 70, 'username' => '1042-7731', 'pid' => 1];
$page = static fn () => whmeter_ClientArea($service())['templateVariables']['whmeterPage'];
server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
service(70, 1042, 1, 12, '1042-7731');

checks([
    'a page waits two seconds, then shows what was known, and asks nobody for a minute' => static function () use ($answering, $page): void {
        $answering('companion');
        holds(str_contains($page(), '93.41 GB'), 'answered');
        $answering('slow');
        questions();
        $html = '';
        $took = took(static function () use ($page, &$html): void {
            $html = $page();
        });
        holds($took < 2.5, "two seconds: $took");
        holds(str_contains($html, '93.41 GB') && str_contains($html, 'last known figures') && str_contains($html, '2026-03-14'), "with their age: $html");
        same(1, count(questions()), 'asked once');
        $took = took(static fn () => $page());
        holds($took < 0.2, "at once: $took");
        same([], questions(), 'nobody was asked');
    },
    'nor does a button, a tab or a termination within that minute' => static function () use ($service): void {
        $took = took(static function () use ($service): void {
            whmeter_recalc($service());
            whmeter_setlimited($service());
            whmeter_AdminServicesTabFields($service());
            run_hook('PreModuleTerminate', ['params' => $service()]);
        });
        holds($took < 0.3, "at once: $took");
        same([], questions(), 'nobody was asked');
    },
    'what bills is asked for all the same' => static function () use ($answering): void {
        $answering('companion');
        same(1, count(whmeter_MetricProvider(entry())->usage()), 'usage');
        same(1, count(questions()), 'asked');
    },
    'after a minute it is asked again' => static function () use ($answering, $page): void {
        foreach (TransientData::$kept as $name => [$data, $until]) {
            if (str_contains($name, 'outage')) {
                TransientData::$kept[$name] = [$data, time() - 1];
            }
        }
        $answering('companion');
        holds(!str_contains($page(), 'last known figures'), 'new ones');
        same(2, count(questions()), 'usage and history');
    },
    'a button waits five seconds and a termination too' => static function () use ($answering, $service): void {
        $answering('slow');
        $took = took(static fn () => whmeter_recalc($service()));
        holds($took > 3 && $took < 5.5, "button: $took");
        TransientData::$kept = [];
        $took = took(static fn () => run_hook('PreModuleTerminate', ['params' => $service()]));
        holds($took > 3 && $took < 5.5, "termination: $took");
        TransientData::$kept = [];
    },
    'a refusal is no outage' => static function () use ($answering, $page): void {
        $answering('403');
        $page();
        questions();
        $page();
        same(1, count(questions()), 'asked again');
    },
    'the tile on the home of staff says what is collected, and does not hold it' => static function () use ($answering): void {
        $tile = static function (): string {
            [$widget] = run_hook('AdminHomeWidgets');
            return strip_tags($widget->generateOutput($widget->getData()), '<br>');
        };
        $answering('companion');
        Capsule::$tables['tblconfiguration'] = [];
        holds(str_contains($tile(), 'has not collected usage yet'), $tile());
        whmeter_MetricProvider(entry(['serverid' => 20]))->usage();
        holds(str_contains($tile(), 'collected usage of 1 services last at ' . date('Y-m-d')) && str_contains($tile(), '1 services with usage, read last at 2026-03-14'), $tile());
        WHMCS\Module\Server\Whmeter\Notice::state('companions', 'service <7> has none');
        holds(str_contains($tile(), 'companions: service &lt;7&gt; has none'), $tile());
        WHMCS\Module\Server\Whmeter\Notice::state('companions', '');
        holds(!str_contains($tile(), 'companions'), $tile());
        WHMCS\Module\Server\Whmeter\Memory::keep('WhmeterCollected', [20 => [time() - 100000, 1]]);
        holds(str_contains($tile(), 'it collects no more'), $tile());
        $answering('slow');
        $took = took(static fn () => $tile());
        holds($took < 2.5, "two seconds: $took");
        TransientData::$kept = [];
    },
    'usage in another unit is refused, and said' => static function () use ($answering, $page, $service): void {
        $answering('terabytes');
        $GLOBALS['activity'] = [];
        same([[], []], [whmeter_MetricProvider(entry())->usage(), whmeter_MetricProvider(entry())->tenantUsage('1042-7731')], 'usage');
        holds(str_contains($GLOBALS['activity'][0], 'in TB') && str_contains($GLOBALS['activity'][0], 'as GB'), json_encode($GLOBALS['activity']));
        whmeter_MetricProvider(entry())->usage();
        same(1, count($GLOBALS['activity']), 'told once');
        $tried = whmeter_TestConnection(entry());
        holds(!$tried['success'] && str_contains($tried['error'], 'in TB'), $tried['error']);
        TransientData::$kept = [];
        holds(!str_contains($page(), '93.41'), 'nor is it shown');
        $answering('companion');
        whmeter_MetricProvider(entry())->usage();
        same('whmeter: usage of server 12: well again', end($GLOBALS['activity']), 'over');
    },
    'an edit in a web server that sends no page before its end asks nobody' => static function () use ($answering): void {
        $answering('slow');
        $free = stream_socket_server('tcp://127.0.0.1:0');
        $address = stream_socket_get_name($free, false);
        fclose($free);
        $page = tempnam(sys_get_temp_dir(), 'whmeter');
        $stubs = var_export(dirname(__DIR__) . '/stubs/whmcs.php', true);
        file_put_contents($page, "<?php require $stubs; server_row(20); run_hook('ServiceEdit'); echo 'saved';");
        questions();
        $quiet = ['file', '/dev/null', 'w'];
        $server = proc_open([PHP_BINARY, '-S', $address, $page], [1 => $quiet, 2 => $quiet], $pipes);
        $said = false;
        $took = took(static function () use ($address, &$said): void {
            for ($tries = 0; $said === false && $tries < 50; $tries++) {
                usleep(50000);
                try {
                    $said = file_get_contents("http://$address/");
                } catch (ErrorException) {
                    // It does not listen yet.
                }
            }
        });
        proc_terminate($server);
        unlink($page);
        same('saved', $said, 'the page');
        holds($took < 4, "at once: $took");
        same([], questions(), 'nobody was asked');
    },
    'where a page cannot be sent before, the cron sends the lists' => static function () use ($answering): void {
        $answering('taken');
        run_hook('AfterCronJob');
        questions();
        run_hook('AfterCronJob');
        same([], questions(), 'all were taken');
        WHMCS\Module\Server\Whmeter\Push::byCron();
        same([], questions(), 'not at once');
        run_hook('AfterCronJob');
        same(3, count(questions()), 'the services of every metered server');
    },
]);

<?php
// The configurable options of services that settings.php says to be sizes.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class ChosenOptions
{
    private const METERS = ['storage', 'traffic_in', 'traffic_out', 'traffic_total'];
    private const YES_OR_NO = 3;
    private const QUANTITY = 4;

    /** @param array<int, ChosenOption[]> $chosen by service */
    private function __construct(private array $chosen)
    {
    }

    /** @return ChosenOption[] */
    public function of(int $service): array
    {
        return $this->chosen[$service] ?? [];
    }

    /** @throws \RuntimeException where an entry of the settings is invalid */
    public static function read(): self
    {
        $options = self::options();
        if ($options === []) {
            return new self([]);
        }
        $texts = [];
        foreach (Capsule::table('tblproductconfigoptionssub')->whereIn('configid', array_keys($options))->get(['id', 'optionname']) as $sub) {
            $texts[(int) $sub->id] = self::inner($sub->optionname);
        }
        $chosen = [];
        $rows = Capsule::table('tblhostingconfigoptions')->whereIn('configid', array_keys($options))->get(['relid', 'configid', 'optionid', 'qty']);
        foreach ($rows as $row) {
            $option = $options[(int) $row->configid];
            $chosen[(int) $row->relid][] = self::option($option, $texts[(int) $row->optionid] ?? '', (int) $row->qty);
        }
        return new self($chosen);
    }

    private static function option(array $option, string $text, int $count): ChosenOption
    {
        ['name' => $name, 'type' => $type, 'meter' => $meter, 'each' => $each, 'whole' => $whole] = $option;
        if ($type === self::YES_OR_NO || $type === self::QUANTITY) {
            $count = max(0, $count);
            $bytes = $each === null || $each > intdiv(PHP_INT_MAX, max(1, $count)) ? null : $count * $each;
            return new ChosenOption($meter, $name, "$count", $bytes, $whole);
        }
        // A number alone counts what the settings say one of it is.
        $isCount = $each !== null && preg_match('/^\d{1,9}$/D', $text) === 1;
        return new ChosenOption($meter, $name, $text, $isCount ? (int) $text * $each : Size::parse($text), $whole);
    }

    /** @return array<int, array> by id: name, type, meter, bytes of each, whether it is the whole limit */
    private static function options(): array
    {
        $table = Settings::table('options');
        $options = [];
        foreach ($table === [] ? [] : Capsule::table('tblproductconfigoptions')->get(['id', 'optionname', 'optiontype']) as $row) {
            $name = self::inner($row->optionname);
            $wish = $table[$name] ?? null;
            if (!is_array($wish)) {
                continue;
            }
            if (!in_array($wish['meter'] ?? null, self::METERS, true)) {
                throw new \RuntimeException("options of settings.php: meter of \"$name\" is none of " . implode(', ', self::METERS));
            }
            $options[(int) $row->id] = [
                'name' => $name,
                'type' => (int) $row->optiontype,
                'meter' => $wish['meter'],
                'each' => isset($wish['each']) ? Size::parse((string) $wish['each']) : null,
                'whole' => ($wish['whole'] ?? false) === true,
            ];
        }
        return $options;
    }

    /** What stands behind a bar is shown to the customer in place of what stands before it. */
    private static function inner($stored): string
    {
        return trim(explode('|', Stored::text($stored))[0]);
    }
}
